"""One file per metric; the file's name is its key in params.yaml."""
