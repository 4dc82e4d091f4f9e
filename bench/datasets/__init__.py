"""One file per data set; the file's name is its key in params.yaml."""
