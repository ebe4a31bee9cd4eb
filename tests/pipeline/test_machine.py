from understudy.pipeline.machine import environment, processor


def test_the_machine_has_a_processor_and_versions():
    assert processor()
    found = environment(threads=3)
    assert found["threads while timing"] == "3"
    assert found["torch"].startswith("2.")
    assert found["processor"] == processor()
