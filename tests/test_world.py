"""The engine: calls change the world once, answers keep their schema, errors are typed."""

import multiprocessing
import os
import random
import signal

import pytest

from toolwright.data.fill import fill_request
from toolwright.data.frames import frames
from toolwright.schema import check_arguments
from toolwright.types import InputError, ToolCall
from toolwright.world.engine import World
from toolwright.world.load import DOMAINS, load_domain, load_domains


def confirmed(world):
    return world.rows("SELECT booking_id FROM hotel_booking WHERE status = 'confirmed'")[0]["booking_id"]


def test_the_same_seed_gives_the_same_world(domains):
    assert World(domains, 3).fingerprint() == World(domains, 3).fingerprint()
    assert World(domains, 3).fingerprint() != World(domains, 4).fingerprint()


def test_a_call_happens_once(world):
    call = ToolCall(id="c1", name="cancel_booking", arguments={"booking_id": confirmed(world)})
    first = world.call(call)
    after = world.fingerprint()
    assert first.error is None
    assert first.content["status"] == "cancelled"
    assert world.call(call) == first
    assert world.fingerprint() == after
    other = world.call(call.model_copy(update={"arguments": {"booking_id": "HB-0000"}}))
    assert other.error == "conflict"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"booking_id": "HB-0000"}, "not_found"),
        ({}, "invalid_argument"),
        ({"booking_id": 3}, "invalid_argument"),
        ({"booking_id": "x", "no": 1}, "invalid_argument"),
    ],
)
def test_errors_are_typed_and_change_nothing(world, arguments, error):
    before = world.fingerprint()
    result = world.call(ToolCall(id="c1", name="cancel_booking", arguments=arguments))
    assert result.error == error
    assert result.content["error"]["message"]
    assert world.fingerprint() == before


@pytest.mark.parametrize("value", [10**30, "\ud800"])
def test_what_sqlite_cannot_hold_is_an_invalid_argument(world, value):
    result = world.call(ToolCall(id="c1", name="find_guest_bookings", arguments={"guest_name": value}))
    assert result.error == "invalid_argument"


def test_a_second_cancellation_is_a_conflict(world):
    booking = {"booking_id": confirmed(world)}
    assert world.call(ToolCall(id="a", name="cancel_booking", arguments=booking)).error is None
    assert world.call(ToolCall(id="b", name="cancel_booking", arguments=booking)).error == "conflict"


def test_numbers_divide_as_numbers_whoever_writes_them():
    """SQLite divides integers without remainder; a `number` is a float to it, also when a caller writes 3 for 3.0."""
    hotel = load_domain(DOMAINS / "hotel.yaml")
    tool = hotel.by_name["calculate_stay_deposit"]
    halved = tool.model_copy(update={"run": (tool.run[-1].model_copy(update={"give": "SELECT :price / 2 AS deposit, :price AS remainder"}),)})
    world = World([hotel.model_copy(update={"tools": (halved,)})])
    assert world.call(ToolCall(id="c", name=tool.name, arguments={"price": 3})).content["deposit"] == 1.5


def test_calls_change_the_tables_that_their_statements_name_and_no_others(domains):
    world = World(domains)
    tables = {name: domain for domain in domains for name in domain.entities}
    changed = set()
    for frame in frames(domains, "train"):
        if frame.label == "call":
            call = fill_request(frame.domain, frame.tool, frame.saying, world, random.Random(0)).call
            others = sorted(name for name, domain in tables.items() if domain is frame.domain and name not in world.writes(call.name))
            before = world.state(others), world.state(world.writes(call.name))
            with world.trial():
                world.call(call)
                assert world.state(others) == before[0], call.name
                if world.state(world.writes(call.name)) != before[1]:
                    changed.add(call.name)
    assert len(changed) > 20


def test_preview_changes_nothing(world):
    call = ToolCall(id="c1", name="cancel_booking", arguments={"booking_id": confirmed(world)})
    before = world.fingerprint()
    shown = world.preview(call)
    assert world.fingerprint() == before
    assert world.call(call) == shown


def test_values_are_bound_never_pasted(world):
    before = world.fingerprint()
    nasty = "x'); DROP TABLE hotel_booking; --"
    world.call(ToolCall(id="c", name="find_guest_bookings", arguments={"guest_name": nasty}))
    assert world.fingerprint() == before


def test_calls_without_id_or_tool_are_wrong_input(world):
    with pytest.raises(InputError, match="has no id"):
        world.call(ToolCall(name="cancel_booking", arguments={}))
    with pytest.raises(InputError, match="unknown tool 'fly'"):
        world.call(ToolCall(id="c", name="fly", arguments={}))


def test_a_file_world_goes_on(domains, tmp_path):
    path = tmp_path / "world.db"
    world = World(domains, 1, path)
    world.call(ToolCall(id="c1", name="cancel_booking", arguments={"booking_id": confirmed(world)}))
    state = world.fingerprint()
    world.close()
    assert World(domains, 1, path).fingerprint() == state
    with pytest.raises(InputError, match="holds a world of"):
        World(domains, 2, path)


def cancel_all(path):
    world = World([load_domain(DOMAINS / "hotel.yaml")], 1, path)
    for row in world.rows("SELECT booking_id FROM hotel_booking ORDER BY booking_id"):
        world.call(ToolCall(id=f"cancel {row['booking_id']}", name="cancel_booking", arguments={"booking_id": row["booking_id"]}))


def test_killed_at_a_random_moment_no_effect_is_lost_or_done_twice(tmp_path):
    path = tmp_path / "world.db"
    World([load_domain(DOMAINS / "hotel.yaml")], 1, path).close()
    for attempt in range(3):
        worker = multiprocessing.get_context("fork").Process(target=cancel_all, args=(path,))
        worker.start()
        worker.join(random.Random(attempt).uniform(0.2, 0.6))
        if worker.is_alive():
            os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    cancel_all(path)
    world = World([load_domain(DOMAINS / "hotel.yaml")], 1, path)
    undisturbed = World([load_domain(DOMAINS / "hotel.yaml")], 1)
    done = world.rows("SELECT count(*) AS n FROM world_calls WHERE tool = 'cancel_booking'")[0]["n"]
    assert done == undisturbed.rows("SELECT count(*) AS n FROM hotel_booking WHERE status = 'confirmed'")[0]["n"]


def test_every_domain_loads_and_its_tools_have_checked_schemas():
    domains = load_domains()
    assert {domain.part for domain in domains} >= {"foundation", "standard"}
    for domain in domains:
        assert len(domain.tools) >= 23
        effects = {tool.effect for tool in domain.tools}
        assert effects == {"read", "search", "create", "update", "transition", "delete", "compute"}
        for tool in domain.tools:
            shown = domain.tool(tool)
            assert shown.returns is not None
            assert check_arguments(shown.parameters, []) != []


BASE = """
domain: shop
title: Shop
part: standard
entities:
  shop_item:
    rows: 3
    fields:
      item_id: {make: {id: "I-##"}}
      price: {type: number, make: {money: [1, 9]}}
tools:
  - name: get_item
    description: Shows one item of the shop by its id.
    effect: read
    parameters:
      item_id: {field: shop_item.item_id, description: Which item}
    returns: {item_id: shop_item.item_id, price: shop_item.price}
    run:
      - {need: "SELECT 1 FROM shop_item WHERE item_id = :item_id", message: No such item.}
      - give: SELECT item_id, price FROM shop_item WHERE item_id = :item_id
    example: SELECT item_id FROM shop_item
    reply: "{item_id} costs {price}."
    requests:
      train: ["How much is {item_id}?"]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("type: number", "type: money", 10, "got 'money'"),
        ("effect: read", "effect: read\n    speed: fast", 15, "unknown key"),
        ("How much is {item_id}?", "How much is {thing}?", 24, "unknown slot 'thing'"),
        ("How much is {item_id}?", "How much is it?", 24, "gives no 'item_id'"),
        ("price FROM shop_item WHERE item_id = :item_id", "prize FROM shop_item WHERE item_id = :item_id", 20, "query does not run"),
        ("returns: {item_id: shop_item.item_id, price", "returns: {item_id: shop_item.item_id, cost", 17, "but the last step gives"),
        ("field: shop_item.item_id,", "field: shop_thing.item_id,", 16, "names no field"),
        ("    rows: 3", "    rows: 3\n    rows: 4", 8, "stands twice"),
        ("domain: shop", "domain: [shop", 3, "not YAML"),
        ("entities:", 'talk: {answer: {train: ["Thanks!"]}}\nentities:', 5, "needs a reply"),
    ],
)
def test_bad_domain_files_are_refused_with_their_line(tmp_path, old, new, line, said):
    assert old in BASE
    path = tmp_path / "shop.yaml"
    path.write_text(BASE.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        load_domain(path)
    assert said in str(error.value)
    assert str(error.value).startswith(f"{path}:{line}:"), str(error.value)


def test_the_example_domain_is_good_and_duplicates_are_not(tmp_path):
    (tmp_path / "a.yaml").write_text(BASE)
    (tmp_path / "b.yaml").write_text(BASE.replace("domain: shop", "domain: kiosk"))
    assert World([load_domain(tmp_path / "a.yaml")]).call(ToolCall(id="c", name="get_item", arguments={"item_id": "I"})).error == "not_found"
    with pytest.raises(InputError, match="entity 'shop_item' of domain 'kiosk' is declared by 'shop' too"):
        load_domains([tmp_path / "a.yaml", tmp_path / "b.yaml"])


def test_draw_sees_what_calls_changed_and_forgets_it_after_a_trial(world):
    query = "SELECT booking_id FROM hotel_booking WHERE status = 'cancelled'"
    assert {world.draw(query, random.Random(i))["booking_id"] for i in range(20)} <= {row["booking_id"] for row in world.rows(query)}
    free = world.rows("SELECT booking_id FROM hotel_booking WHERE status = 'confirmed' LIMIT 2")
    one = f"SELECT status FROM hotel_booking WHERE booking_id = '{free[0]['booking_id']}'"
    assert world.draw(one, random.Random(0)) == {"status": "confirmed"}
    with world.trial():
        world.call(ToolCall(id="1", name="cancel_booking", arguments={"booking_id": free[0]["booking_id"]}))
        assert world.draw(one, random.Random(0)) == {"status": "cancelled"}
    assert world.draw(one, random.Random(0)) == {"status": "confirmed"}
    world.call(ToolCall(id="2", name="cancel_booking", arguments={"booking_id": free[0]["booking_id"]}))
    assert world.draw(one, random.Random(0)) == {"status": "cancelled"}
    assert world.draw("SELECT 1 WHERE 0", random.Random(0)) is None
