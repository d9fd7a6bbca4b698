"""What is studied: settings, text, information, model, pretext tasks and the training loop."""
