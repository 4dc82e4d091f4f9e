"""One file per stage of dvc.yaml: read, call one function, write."""
