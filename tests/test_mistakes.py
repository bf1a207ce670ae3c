"""Each check of the files for a deployment finds the mistakes that it is there for."""

from inspect import signature

import pytest

from . import test_compose
from . import test_dotenv
from . import test_gunicorn
from . import test_image
from . import test_workflows
from .conftest import copied

IMAGE, COMPOSE, PROXY, EXAMPLE = "Dockerfile", "compose.yaml", "nginx.conf", ".env.example"
WORKFLOW, UPDATES = ".github/workflows/ci.yml", ".github/dependabot.yml"
PINNED = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"

MISTAKES = {
    "the_image_copies_only_what_exists_and_may_enter": [
        (IMAGE, "migrations ./migrations", "migration ./migrations"),
        (IMAGE, "gunicorn.conf.py ./", "LICENSE gunicorn.conf.py ./"),
        (".dockerignore", "!src\n", ""),
        (".dockerignore", "*\n!g", "!g"),
    ],
    "neither_secrets_nor_a_database_enter_the_image_or_git": [
        (".dockerignore", "!src", "!.env"),
        (".dockerignore", "!src", "!instance"),
        (".gitignore", ".env\n", ""),
        (".gitignore", "/instance/\n", ""),
        (IMAGE, "ENV UV_", "ENV SECRET_KEY=7f3a UV_"),
    ],
    "the_image_is_made_of_one_by_digest_and_of_its_own_stages": [
        (IMAGE, "FROM python:3.14.8-slim", "FROM python:3.14-slim"),
        (IMAGE, "@sha256:f85c", " AS base # "),
        (IMAGE, "@sha256:f85c", "@sha256:f"),
        (IMAGE, "FROM base\n", "FROM python:3.14.8-slim-trixie\n"),
        (IMAGE, "nginx:1.29.4-alpine", "nginx:alpine"),
        (COMPOSE, "target: proxy", "target: build"),
        (IMAGE, "--from=build", "--from=builder"),
        (IMAGE, "--from=build", "--from=python:latest"),
    ],
    "a_changed_line_of_source_leaves_the_dependencies_alone": [
        (IMAGE, "COPY --from=build", "COPY --chmod=a+rX src ./src\nCOPY --from=build"),
        (IMAGE, "RUN python -m compileall -q src\n", ""),
        (IMAGE, "    PYTHONPATH=/app/src", "    PYTHONPATH=/app"),
    ],
    "what_the_image_has_of_python_is_compiled": [
        (IMAGE, "UV_COMPILE_BYTECODE=1", "UV_COMPILE_BYTECODE=0"),
        (IMAGE, "compile_dir(os.path.dirname(os.__file__)", "compile_dir('/app'"),
    ],
    "the_image_is_built_by_an_exact_version_of_uv": [
        (IMAGE, "uv==0.13.9", "uv==0.13"),
        (IMAGE, "uv==0.13.9", "uv"),
    ],
    "the_image_starts_the_application_without_root_and_without_a_shell": [
        (IMAGE, "USER 10001:10001", "USER app"),
        (IMAGE, "USER 10001:10001\n", ""),
        (IMAGE, "10001:10001", "0:0"),
        (IMAGE, 'CMD ["gunicorn", "my_api:create_app()"]', 'CMD gunicorn "my_api:create_app()"'),
        (IMAGE, '"my_api:create_app()"', '"api:create_app()"'),
        (".flaskenv", "my_api", "api"),
    ],
    "every_health_check_asks_for_a_path_that_is_served": [
        (IMAGE, "/health/live", "/health/alive"),
        (COMPOSE, "/health/ready", "/health"),
        (WORKFLOW, "/health/ready", "/healthz"),
        ("src/my_api/health.py", '"/health/ready"', '"/ready"'),
    ],
    "every_health_check_asks_by_the_same_name": [
        (IMAGE, "HTTPConnection('localhost'", "HTTPConnection('127.0.0.1'"),
        (COMPOSE, " --header=Host:localhost,", ""),
    ],
    "the_image_is_healthy_while_the_api_says_that_it_lives": [
        (IMAGE, "HEALTHCHECK", "# HEALTHCHECK"),
        (IMAGE, 'CMD ["python"', 'CMD ["true"'),
        (IMAGE, "'PORT', '8000'", "'HTTP_PORT', '8000'"),
        (IMAGE, "/health/live", "/health/ready"),
    ],
    "gunicorn_lets_requests_finish_before_compose_kills_it": [
        (COMPOSE, "stop_grace_period: 30s", "stop_grace_period: 10s"),
        ("gunicorn.conf.py", "graceful_timeout = 20", "graceful_timeout = 25"),
    ],
    "gunicorn_is_set_up_by_the_environment_and_by_dotenv": [
        ("gunicorn.conf.py", "    load_dotenv()\n", "    pass\n"),
        ("gunicorn.conf.py", "if get_load_dotenv():", "if True:"),
        ("gunicorn.conf.py", "0.0.0.0", "127.0.0.1"),
        ("gunicorn.conf.py", "threads = 8", "threads = 1"),
        ("gunicorn.conf.py", "control_socket_disable = True", "control_socket_disable = False"),
        ("gunicorn.conf.py", "keepalive = 75", 'accesslog = "-"'),
    ],
    "compose_names_nothing_that_is_not_there": [
        (COMPOSE, "postgres: {condition", "postgresql: {condition"),
        (COMPOSE, "migrate: {condition: service_completed_successfully}", "migrate:"),
        (COMPOSE, "redis: {condition: service_healthy}", "redis: {condition: service_started}"),
        (COMPOSE, "app: {condition: service_healthy}", "app: {condition: service_started}"),
        (COMPOSE, "networks: [front, data]", "networks: [front, back]"),
        (COMPOSE, '["postgres:/var', '["database:/var'),
        (
            COMPOSE,
            "    healthcheck:\n      test: [CMD, redis-cli",
            "    x:\n      test: [CMD, redis-cli",
        ),
    ],
    "compose_starts_exactly_what_was_asked_for": [
        (COMPOSE, "  postgres:\n    <<", "  database:\n    <<"),
        (COMPOSE, "      redis: {condition: service_healthy}\n", ""),
        (COMPOSE, "    REDIS_URL: redis://redis:6379/0\n", ""),
    ],
    "compose_leads_the_application_to_servers_that_it_can_reach": [
        (COMPOSE, "@postgres/app", "@db/app"),
        (COMPOSE, "redis://redis", "redis://localhost"),
        (COMPOSE, "networks: [front, data]", "networks: [front]"),
        (PROXY, "http://app:8000", "http://app:5000"),
        (IMAGE, "EXPOSE 8000", "EXPOSE 5000"),
    ],
    "compose_gives_no_container_more_than_it_needs": [
        (COMPOSE, "cap_drop: [ALL]", "cap_drop: [NET_RAW]"),
        (COMPOSE, "no-new-privileges:true", "no-new-privileges:false"),
        (COMPOSE, "  read_only: true\n  tmpfs: [/tmp]", "  tmpfs: [/tmp]"),
        (COMPOSE, "  read_only: true\n  tmpfs: [/tmp]", "  read_only: true"),
        (COMPOSE, "    tmpfs: [/data]\n", ""),
        (COMPOSE, "    user: redis\n", "    user: redis\n    cap_add: [CHOWN]\n"),
        (COMPOSE, "    user: redis\n", '    user: redis\n    ports: ["6379:6379"]\n'),
        (COMPOSE, "redis:8.8.0-alpine", "redis:alpine"),
        (COMPOSE, "{internal: true}", "{internal: false}"),
    ],
    "no_container_starts_anything_by_a_shell": [
        (COMPOSE, "command: [flask, db, upgrade]", "command: flask db upgrade"),
        (COMPOSE, "[CMD, redis-cli, ping]", "[CMD-SHELL, redis-cli ping]"),
        (COMPOSE, "[CMD, redis-cli, ping]", "redis-cli ping"),
    ],
    "the_api_is_no_superuser_of_its_database": [
        (COMPOSE, "CREATE ROLE app LOGIN", "CREATE ROLE app SUPERUSER LOGIN"),
        (COMPOSE, "        ALTER ROLE postgres PASSWORD NULL;\n", ""),
    ],
    "compose_holds_no_secret_and_says_which_one_it_misses": [
        (COMPOSE, "${SECRET_KEY:?put SECRET_KEY in .env}", "7f3a"),
        (COMPOSE, "${SECRET_KEY:?put", "${SECRET_KEY:-put"),
        (COMPOSE, "app@postgres", "app:7f3a@postgres"),
        (COMPOSE, "    METRICS_TOKEN:", "    METRICS_TOKEN: 7f3a"),
        (COMPOSE, "    SECRET_KEY_FALLBACKS:", "    SECRET_KEY_FALLBACKS: '[\"7f3a\"]'"),
    ],
    "compose_hands_every_setting_to_the_application": [
        (COMPOSE, "    TRUSTED_HOSTS:\n", ""),
        (COMPOSE, "    METRICS_TOKEN:", "    METRICS:"),
        (COMPOSE, "    MAX_CONTENT_LENGTH:\n", "    MAX_CONTENT_LENGTH:\n    FLASK_ENVIRONMENT:\n"),
    ],
    "no_health_check_goes_through_a_proxy_of_the_environment": [
        (IMAGE, "import os, http.client", "import os, urllib.request, http.client"),
        (COMPOSE, '-Y, "off"', '-Y, "on"'),
    ],
    "the_image_can_read_its_files_whatever_mode_they_were_checked_out_with": [
        (IMAGE, "COPY --chmod=a+rX src", "COPY src"),
        (IMAGE, "COPY --chmod=a+rX gunicorn", "COPY --chmod=700 gunicorn"),
    ],
    "compose_runs_two_replicas_behind_a_proxy_that_looks_them_up_again": [
        (COMPOSE, "{replicas: 2}", "{replicas: 1}"),
        (PROXY, "valid=1s", "valid=1h"),
    ],
    "the_proxy_has_problems_where_it_would_show_pages": [
        (PROXY, "413 414 500 501 502 503 504 505 /@problem", "413 414 500 502 504 505 /@problem"),
        (PROXY, '"status":$status', '"status":500'),
        (PROXY, "default_type application/problem+json", "default_type text/html"),
        (PROXY, '"Bad Gateway"', '"Bad Gate"'),
    ],
    "the_proxy_sends_no_write_twice": [
        (PROXY, "error timeout;", "error timeout non_idempotent;"),
        (PROXY, "        HEAD    HEAD;\n", "        HEAD    HEAD;\n        PUT     PUT;\n"),
    ],
    "the_proxy_writes_only_where_its_read_only_container_lets_it": [
        (PROXY, "    scgi_temp_path /tmp/unused;\n", ""),
        (PROXY, "proxy_temp_path /tmp/", "proxy_temp_path /var/cache/"),
        (PROXY, "pid /tmp/", "pid /run/"),
    ],
    "the_proxy_is_not_killed_for_what_it_holds_for_clients": [
        (COMPOSE, "size=128m", "size=200m"),
        (PROXY, "choose.sock backlog=4096;", "choose.sock;"),
    ],
    "the_address_and_the_scheme_of_a_client_reach_the_application": [
        (PROXY, "$proxy_add_x_forwarded_for", "$remote_addr"),
        (PROXY, "X-Forwarded-Proto $scheme_of_client", "X-Forwarded-Proto $scheme"),
        (COMPOSE, '"${PROXY_HOPS:-1}"', '"1"'),
    ],
    "redis_forgets_all_when_it_stops_and_the_oldest_when_it_is_full": [
        (COMPOSE, ' --save, "",', ""),
        (COMPOSE, "allkeys-lru", "noeviction"),
    ],
    "the_example_names_exactly_the_variables_that_something_reads": [
        (EXAMPLE, "PROXY_HOPS=0\n", ""),
        (EXAMPLE, "PROXY_HOPS", "PROXIES"),
        (COMPOSE, "${PORT:-8000}", "${HTTP_PORT:-8000}"),
        ("gunicorn.conf.py", '"WEB_CONCURRENCY"', '"WORKERS"'),
    ],
    "the_example_holds_no_secret": [
        (EXAMPLE, "SECRET_KEY=change-me", "SECRET_KEY=7f3a"),
        (EXAMPLE, "METRICS_TOKEN=", "METRICS_TOKEN=7f3a"),
    ],
    "workflows_run_pinned_actions_only": [
        (WORKFLOW, PINNED, "actions/checkout@v7"),
        (WORKFLOW, PINNED, "actions/checkout@3d3c42e # v7.0.1"),
        (WORKFLOW, PINNED, PINNED.removesuffix(" # v7.0.1")),
    ],
    "workflows_grant_each_job_what_it_needs_and_no_more": [
        (WORKFLOW, "permissions: {}", "permissions: write-all"),
        (WORKFLOW, "permissions: {}\n", ""),
        (WORKFLOW, "contents: read", "contents: write"),
        (WORKFLOW, "    permissions:\n      contents: read\n", ""),
        (WORKFLOW, "persist-credentials: false", "persist-credentials: true"),
        (WORKFLOW, "    timeout-minutes: 10\n", ""),
        (WORKFLOW, "pull_request:", "pull_request_target:"),
        (WORKFLOW, "run: uv sync --locked", "run: uv sync ${{ github.head_ref }}"),
        (WORKFLOW, "cancel-in-progress: true", "cancel-in-progress: false"),
    ],
    "the_template_and_its_projects_pin_the_same_versions": [
        (WORKFLOW, PINNED, PINNED.replace("3d", "4d").replace("v7.0.1", "v7.0.2")),
        (COMPOSE, "postgres:18.6", "postgres:18.5"),
        (COMPOSE, "postgres:18.6", "postgres:18.5"),
    ],
    "a_projects_workflow_checks_what_its_owner_would": [
        (WORKFLOW, "uv run mypy", "uv run mypy || true"),
        (WORKFLOW, "      - run: uv run deptry .\n", ""),
        (WORKFLOW, " && uv run flask db check", ""),
        (WORKFLOW, "      - run: uv audit --locked\n", ""),
        (WORKFLOW, '"3.11", ', ""),
    ],
    "a_projects_workflow_tries_the_newest_versions_weekly": [
        (WORKFLOW, '  schedule:\n    - cron: "23 5 * * 1"\n', ""),
        (WORKFLOW, "uv sync --upgrade", "uv sync --locked"),
    ],
    "updates_come_weekly_and_a_week_late": [
        (UPDATES, "interval: weekly", "interval: monthly"),
        (UPDATES, "    cooldown: {default-days: 7}\n", ""),
        (UPDATES, "default-days: 7", "default-days: 1"),
        (UPDATES, "package-ecosystem: docker-compose", "package-ecosystem: npm"),
    ],
    "the_proxy_waits_for_slow_clients_in_place_of_the_application": [
        (PROXY, "proxy_request_buffering on", "proxy_request_buffering off"),
        (PROXY, "    client_body_timeout 10s;\n", ""),
    ],
    "zizmor_finds_nothing": [
        (WORKFLOW, PINNED, "actions/checkout@v7"),
        (WORKFLOW, "run: uv sync --locked", "run: uv sync ${{ github.head_ref }}"),
        (WORKFLOW, "pull_request:", "pull_request_target:"),
    ],
}

CHECKS = {
    name.removeprefix("test_"): check
    for module in (test_image, test_gunicorn, test_compose, test_dotenv, test_workflows)
    for name, check in vars(module).items()
    if name.startswith("test_")
}


@pytest.mark.parametrize(
    ("name", "file", "right", "wrong"),
    [(name, *mistake) for name, mistakes in MISTAKES.items() for mistake in mistakes],
)
def test_a_mistake_is_found(default, tmp_path, request, name, file, right, wrong):
    project = copied(default, tmp_path / "project")
    text = project.read(file)
    assert right in text
    (project.path / file).write_text(text.replace(right, wrong), encoding="utf-8", newline="\n")
    given = {"project": project, "default": project, "github": project.path / ".github"}
    given |= {"status": 200, "healthy": True}
    check = CHECKS[name]
    arguments = {
        parameter: given.get(parameter) or request.getfixturevalue(parameter)
        for parameter in signature(check).parameters
    }
    with pytest.raises((AssertionError, LookupError, ValueError)):
        check(**arguments)


def test_every_check_that_reads_the_projects_files_has_found_a_mistake():
    given = {"project", "default", "github"}
    reading = {name for name, check in CHECKS.items() if signature(check).parameters.keys() & given}
    assert reading == MISTAKES.keys()
