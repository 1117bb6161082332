"""The memory for what a poll has received: one bound for all lanes, and nobody waits for ever."""

import threading
import time
from random import Random

import pytest

from signal_client_oci.oci_api.page_memory import PageMemory


def _always():
    return True


def _in_a_thread(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_what_fits_is_claimed_at_once():
    """Claims up to the limit wait for nothing, and the memory is full exactly then."""
    memory = PageMemory(100)
    assert memory.claim(60, _always) < 1
    assert not memory.is_full
    assert memory.claim(40, _always) < 1
    assert memory.is_full
    assert memory.finish() == 100
    memory.give_back(100)
    assert not memory.is_full


@pytest.mark.slow
def test_a_claim_waits_until_an_answer_is_mapped():
    """While finished answers fill the memory, a reader waits; it goes on when one of them is given back."""
    memory = PageMemory(100)
    memory.claim(90, _always)
    held = memory.finish()
    claimed = threading.Event()
    thread = _in_a_thread(lambda: (memory.claim(50, _always), claimed.set()))
    assert not claimed.wait(0.1)
    memory.give_back(held)
    assert claimed.wait(5)
    thread.join(5)
    assert memory.most == 90


def test_half_received_answers_do_not_wait_for_each_other():
    """Where all room is taken by answers that are not finished, exactly one of them may go on beyond the limit."""
    memory, started = PageMemory(100), threading.Barrier(3)
    finished = []

    def read(name):
        memory.claim(50, _always)
        started.wait(5)
        memory.claim(80, _always)
        finished.append((name, memory.finish()))

    threads = [_in_a_thread(lambda name=name: read(name)) for name in "ab"]
    started.wait(5)
    end = time.monotonic() + 5
    while not finished and time.monotonic() < end:
        time.sleep(0.001)
    assert [size for _, size in finished] == [130]
    assert memory.most == 180
    memory.give_back(130)
    for thread in threads:
        thread.join(5)
    assert len(finished) == 2
    assert memory.most == 180


def test_an_answer_larger_than_the_limit_comes_alone():
    """One answer may be larger than all the room there is, as long as nothing waits to be mapped."""
    memory = PageMemory(100)
    memory.claim(500, _always)
    assert memory.finish() == 500
    assert memory.is_full


def test_an_end_ends_the_waiting():
    """A reader whose poll ends does not wait for room any more."""
    memory, ends = PageMemory(100), threading.Event()
    memory.claim(100, _always)
    memory.finish()
    thread = _in_a_thread(lambda: memory.claim(10, lambda: not ends.is_set()))
    ends.set()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.slow
def test_the_bound_holds_for_any_order_of_events(seed):
    """Readers of any sizes and a slow mapper: never more than the limit and one answer, and all get through."""
    memory, arrived, largest, random = PageMemory(1000), [], 700, Random(seed)
    plans = [[[random.randrange(1, 100) for _ in range(7)] for _ in range(6)] for _ in range(5)]

    def read(answers):
        for chunks in answers:
            for chunk in chunks:
                memory.claim(chunk, _always)
            arrived.append(memory.finish())

    threads = [_in_a_thread(lambda plan=plan: read(plan)) for plan in plans]
    mapped, end = 0, time.monotonic() + 20
    while mapped < 30 and time.monotonic() < end:
        if arrived:
            memory.give_back(arrived.pop(random.randrange(len(arrived))))
            mapped += 1
    for thread in threads:
        thread.join(5)
    assert mapped == 30
    assert memory.most <= 1000 + largest
