from fuzzing import fuzz
from fuzzing import long_run
from fuzzing import seeds
from fuzzing import UNLIMITED
from serving import Serving


@long_run
@seeds
def test_every_answer_is_described(tmp_path, seed):
    serving = Serving(tmp_path)
    with serving.gunicorn("--workers=1", UNLIMITED) as port:
        fuzz(serving, port, seed)
