from hwsubnet.artifacts import RtlEdge
from hwsubnet.simulate.deadlock import EdgeState, explain

EDGES = (
    RtlEdge(tensor="x", source=None, sink="Fork", depth=2),
    RtlEdge(tensor="long", source="Fork", sink="Window", depth=2),
    RtlEdge(tensor="body", source="Window", sink="Join", depth=2),
    RtlEdge(tensor="skip", source="Fork", sink="Join", depth=4),
    RtlEdge(tensor="y", source="Join", sink=None, depth=2),
)


def states(full: str, empty: str) -> list[EdgeState]:
    return [
        EdgeState(
            number, 0, 0, 0, 0, full=edge.tensor in full.split(), empty=edge.tensor in empty.split()
        )
        for number, edge in enumerate(EDGES)
    ]


def test_a_circle_is_told_from_its_full_fifo_on():
    message = str(explain(EDGES, states(full="x skip", empty="long body y")))
    assert message == (
        "the accelerator stopped making progress: "
        "Fork waits on Join ('skip' is full, FIFO depth 4); "
        "Join waits on Window ('body' is empty); "
        "Window waits on Fork ('long' is empty); "
        "deepen the full FIFO, or size FIFOs by simulation"
    )


def test_without_a_circle_all_waits_are_told():
    message = str(explain(EDGES, states(full="", empty="x long body skip y")))
    assert "without a circle of waits" in message
    assert "the output waits on Join ('y' is empty)" in message
    assert "Fork waits on the input ('x' is empty)" in message


def test_without_monitors_the_way_to_learn_more_is_told():
    assert "simulate with monitors" in str(explain(EDGES, []))
