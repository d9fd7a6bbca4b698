"""The subject of study: settings, text, information, model, pretext tasks and the training loop."""
