from web.hooks import Hook


def test_registering_twice_counts_once():
    hook = Hook()

    hook.register(len)
    hook.register(str)
    hook.register(len)

    assert hook == [len, str]
