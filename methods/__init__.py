"""How a prediction is explained: classifiers, explainers and the attentive surrogate."""
