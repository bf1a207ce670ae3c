from fuzzing import fuzz
from fuzzing import long_run
from fuzzing import migrate
from fuzzing import seeds
from fuzzing import UNLIMITED


@long_run
@seeds
def test_every_answer_is_described(make_app, serve, tmp_path, seed):
    database = f"sqlite:///{tmp_path}/app.db"
    migrate(make_app(DATABASE_URL=database))
    fuzz(serve("--workers=1", UNLIMITED, DATABASE_URL=database), seed)
