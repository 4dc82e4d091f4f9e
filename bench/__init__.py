"""How explanations are judged: data sets, metrics, stages and throughput."""
