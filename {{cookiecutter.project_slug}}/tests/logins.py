def log_in(app, *roles, email="ada@example.com", password="correct horse"):
    """A client that is logged in, as a new user with these roles."""
    options = ["--password", password, *(f"--role={role}" for role in roles)]
    made = app.test_cli_runner().invoke(args=["users", "create", email, *options])
    assert made.exit_code == 0, made.output
    client = app.test_client()
    assert client.post("/login", {"email": email, "password": password}).status_code == 200
    return client
