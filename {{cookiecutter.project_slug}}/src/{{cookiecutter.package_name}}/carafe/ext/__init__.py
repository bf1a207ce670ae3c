"""Extensions. None imports another, and each can be deleted alone."""
