from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from baton.gameday.queue import BoundedQueue, Message


def _message(number: int) -> Message:
    return Message(message_id=str(number), sender="bank", headers={})


def _ids(messages: tuple[Message, ...]) -> list[str]:
    return [message.message_id for message in messages]


def _drained(queue: BoundedQueue) -> list[str]:
    queue.close()
    return _ids(tuple(iter(queue.take, None)))


def test_a_full_queue_evicts_its_oldest() -> None:
    """Of five messages into a queue of three the first two are evicted, the rest is handed over in order."""
    queue = BoundedQueue(3)
    for number in range(5):
        queue.publish(_message(number))
    assert _drained(queue) == ["2", "3", "4"]
    assert _ids(queue.ledger().evicted) == ["0", "1"]


def test_a_queue_at_its_limit_evicts_nothing() -> None:
    """The limit itself still fits, and a place that the consumer freed is free."""
    queue = BoundedQueue(2)
    queue.publish(_message(0))
    queue.publish(_message(1))
    queue.take()
    queue.publish(_message(2))
    assert queue.ledger().evicted == ()
    assert _drained(queue) == ["1", "2"]


def test_the_ledger_remembers_what_was_handed_over() -> None:
    """What the consumer took is in the ledger; what still waits is nowhere in it."""
    queue = BoundedQueue(2)
    queue.publish(_message(0))
    queue.publish(_message(1))
    queue.take()
    ledger = queue.ledger()
    assert _ids(ledger.handed) == ["0"]
    assert ledger.evicted == ()


def test_closing_wakes_whoever_waits() -> None:
    """A consumer that waits at an empty queue gets None once the queue is closed."""
    queue = BoundedQueue(1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(queue.take)
        queue.close()
        assert waiting.result() is None


def test_every_message_of_many_threads_is_accounted_for_once() -> None:
    """Four publishers and a consumer at once: each message is either handed over or evicted, never both."""
    queue = BoundedQueue(5)
    with ThreadPoolExecutor(5) as threads:
        taking = threads.submit(lambda: list(iter(queue.take, None)))
        publishing = [
            threads.submit(lambda first=first: [queue.publish(_message(n)) for n in range(first, first + 250)])
            for first in range(0, 1000, 250)
        ]
        for publisher in publishing:
            publisher.result()
        queue.close()
        taken = taking.result()
    ledger = queue.ledger()
    assert list(ledger.handed) == taken
    assert sorted(map(int, _ids(ledger.handed + ledger.evicted))) == list(range(1000))
