"""One file per explainer; the file's name is its key in params.yaml."""
