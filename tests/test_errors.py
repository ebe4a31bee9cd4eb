from understudy.errors import DamagedError, RequestError, UnderstudyError, did_you_mean


def test_there_is_one_root_and_two_branches():
    assert issubclass(RequestError, UnderstudyError)
    assert issubclass(DamagedError, UnderstudyError)
    assert not issubclass(DamagedError, RequestError)


def test_a_damaged_store_says_which_shards():
    error = DamagedError("it is damaged", root="here", shards=(3, 4))
    assert (str(error), error.root, error.shards) == ("it is damaged", "here", (3, 4))


def test_a_near_word_is_named_and_a_far_one_gets_the_list():
    assert did_you_mean("temprature", ["temperature", "weight"]) == "did you mean 'temperature'?"
    assert did_you_mean("zzz", ["b", "a"]) == "known are: a, b"
