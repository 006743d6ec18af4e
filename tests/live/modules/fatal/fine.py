"""Does nothing of the kind."""


class Fine:
    pass


class Skipped:
    pass
