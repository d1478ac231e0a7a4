"""events.py: the kinds of a job's events that tests look for, in one place."""

CREATED = "created"
CLAIMED = "claimed"
CHECKPOINT = "checkpoint"
SHUTDOWN = "requeued"
LOST = "lost"
COMPLETED = "completed"


def kinds(events, kind):
    return [event for event in events if event["kind"] == kind]


def is_suspect(events):
    """The process died under the job, and it has committed no checkpoint since."""
    state = False
    for event in events:
        if event["kind"] == LOST:
            state = True
        elif event["kind"] in (CHECKPOINT, COMPLETED):
            state = False
    return state
