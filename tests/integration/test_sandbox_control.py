"""The sandbox's control API tells the truth, changes any row of any list, and says exactly what it did."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.sandbox_visitor import Visitor, visiting

CURRENCIES = "/api/v2/products/{productId}/currencies"
EVERYTHING = ["/api/v2/*", "/rest/*", "/v1/*"]


@pytest.fixture(scope="module")
def server() -> Iterator[Visitor]:
    with visiting() as visitor:
        yield visitor


@pytest.fixture
def visitor(server: Visitor) -> Visitor:
    server.begin()
    return server


def change(visitor: Visitor, op: str, path: str, **more: Any) -> list[dict[str, Any]]:
    effects: list[dict[str, Any]] = visitor.control("change", {"op": op, "path": path, **more})
    return effects


def everything(visitor: Visitor) -> dict[tuple[str, tuple[str, ...], str], Any]:
    paths = [one["path"] for one in visitor.client.get("/_sandbox/endpoints").json()]
    return {(path, *place): document for path in paths for place, document in visitor.truth(path).items()}


def test_the_truth_of_a_kind_of_list_is_that_of_all_its_parents(visitor: Visitor) -> None:
    owned = visitor.truth("/api/v2/products/1/currencies")
    all_of_them = visitor.truth(CURRENCIES)

    assert owned == {place: row for place, row in all_of_them.items() if place[0] == ("1",)}
    assert all_of_them == visitor.truth("/api/v2/products/{anything}/currencies")
    assert list(owned.values()) == visitor.rows("/api/v2/products/1/currencies", limit=100)


def test_a_row_of_a_list_without_documented_methods_is_created_updated_and_deleted(visitor: Visitor) -> None:
    (made,) = change(visitor, "create", "/api/v2/accounts", document={"caption": "Mine"})
    assert ("create", None, "Mine") == (made["op"], made["before"], made["after"]["caption"])
    own = f"/api/v2/accounts/{made['key']}"
    assert made["after"] == visitor.get(own).json()

    (updated,) = change(visitor, "update", own, document={"caption": "Yours"})
    assert ({**made["after"], "caption": "Yours"}, made["after"]) == (updated["after"], updated["before"])

    (deleted,) = change(visitor, "delete", own)
    assert (updated["after"], None) == (deleted["before"], deleted["after"])
    assert 404 == visitor.get(own).status_code


def test_a_place_can_be_told_by_path_or_by_keys(visitor: Visitor) -> None:
    by_path = change(visitor, "update", "/api/v2/products/1/currencies/1", document={"priority": 91})
    by_keys = change(visitor, "update", CURRENCIES, parent_keys=[1], key=1, document={"priority": 92})

    assert [(["1"], "1")] * 2 == [(one["parent_keys"], one["key"]) for one in by_path + by_keys]


def test_what_was_deleted_returns_with_all_that_went_with_it(visitor: Visitor) -> None:
    before = everything(visitor)
    deleted = change(visitor, "delete", "/api/v2/products/2")
    restored = change(visitor, "restore", "/api/v2/products/2")

    assert {"restore"} == {effect["op"] for effect in restored}
    assert len(deleted) == len(restored) > 1
    assert before == everything(visitor)


def test_a_hidden_row_is_gone_from_the_list_and_answers_its_status(visitor: Visitor) -> None:
    (hidden,) = change(visitor, "hide", "/api/v2/clients/2", status=403)
    assert "delete" == hidden["op"]
    assert 2 not in [row["clientId"] for row in visitor.rows("/api/v2/clients", limit=500)]
    assert 403 == visitor.get("/api/v2/clients/2").status_code

    (shown,) = change(visitor, "show", "/api/v2/clients", key="2")
    assert ("restore", hidden["before"]) == (shown["op"], shown["after"])


def test_moving_a_node_of_a_tree_is_told_of_its_parents_too(visitor: Visitor) -> None:
    nodes = visitor.truth("/api/v2/menus")
    parent = next(key for (_, key), node in nodes.items() if node["children"])
    child = str(nodes[(), parent]["children"][0])
    effects = change(visitor, "update", f"/api/v2/menus/{child}", document={"parentId": None})

    assert {child, parent} == {effect["key"] for effect in effects}
    assert int(child) in [row["id"] for row in visitor.rows("/api/v2/menus")]


def test_a_provider_comes_and_goes_with_its_settings(visitor: Visitor) -> None:
    settings = "/api/v2/connections/providers/{provider}/settings"
    made = change(visitor, "create", "/api/v2/connections/providers", document="Pay/Pal")
    assert [("/api/v2/connections/providers", "Pay/Pal"), (settings, "Pay/Pal")] == [
        (e["path"], e["key"]) for e in made
    ]
    assert 200 == visitor.get("/api/v2/connections/providers/Pay%2FPal/settings").status_code

    gone = change(visitor, "delete", "/api/v2/connections/providers", key="Pay/Pal")
    assert [settings, "/api/v2/connections/providers"] == [effect["path"] for effect in gone]


def test_what_is_created_again_under_an_old_key_has_returned(visitor: Visitor) -> None:
    change(visitor, "delete", "/api/v2/confirmations/providers/types", key="Vonage")
    effects = change(visitor, "create", "/api/v2/confirmations/providers/types", document="Vonage")

    assert {"restore"} == {effect["op"] for effect in effects}


def test_planted_texts_are_served_as_rows_but_are_no_truth(visitor: Visitor) -> None:
    texts = ["null", '{"name":"no key"}', '{"id":{"a":1}}', '{"id":1,"n":123456789012345678901234567890}']
    change(visitor, "plant", "/api/v2/tags", rows=texts)
    body = visitor.get("/api/v2/tags", limit=100).text

    assert body.endswith(",".join(texts) + "]}")
    assert 12 == visitor.get("/api/v2/tags").json()["total"]
    assert 8 == len(visitor.truth("/api/v2/tags"))


def test_numbers_beyond_64_bits_survive(visitor: Visitor) -> None:
    body = b'{"op":"update","path":"/api/v2/tags/1","document":{"name":123456789012345678901234567890}}'
    assert 200 == visitor.client.post("/_sandbox/change", content=body).status_code

    assert 123456789012345678901234567890 == visitor.get("/api/v2/tags/1").json()["name"]


@pytest.mark.parametrize("body", [
    {"op": "explode", "path": "/api/v2/tags"},
    {"op": "update", "path": "/api/v2/tags", "document": {}},
    {"op": "create", "path": "/api/v2/nothing"},
    {"op": "create", "path": "/api/v2/tags", "document": {"id": 1}},
])  # fmt: skip
def test_what_makes_no_sense_is_refused(visitor: Visitor, body: dict[str, Any]) -> None:
    assert 400 == visitor.client.post("/_sandbox/change", json=body).status_code


def test_what_is_not_there_is_not_found(visitor: Visitor) -> None:
    for op, path in (
        ("delete", "/api/v2/tags/99"),
        ("restore", "/api/v2/tags/1"),
        ("create", "/api/v2/products/99/currencies"),
    ):
        assert 404 == visitor.client.post("/_sandbox/change", json={"op": op, "path": path}).status_code


@pytest.mark.parametrize("seed", range(6))
def test_random_changes_are_exactly_the_differences_between_two_truths(visitor: Visitor, seed: int) -> None:
    before = everything(visitor)
    effects = visitor.control("random", {"count": 150, "seed": seed, "paths": EVERYTHING})
    after = everything(visitor)

    told = dict(before)
    for effect in effects:
        place = (effect["path"], tuple(effect["parent_keys"]), effect["key"])
        assert effect["before"] == told.pop(place, None)
        if effect["after"] is not None:
            told[place] = effect["after"]
    assert after == told
    assert {"create", "update", "delete", "restore"} == {effect["op"] for effect in effects}
    assert [*range(1, len(effects) + 1)] == [effect["seq"] for effect in effects]


def test_the_same_seed_makes_the_same_random_changes(visitor: Visitor) -> None:
    def changes() -> list[Any]:
        visitor.begin()
        effects = visitor.control("random", {"count": 60, "seed": 5})
        return [(effect["op"], effect["path"], effect["parent_keys"], effect["key"]) for effect in effects]

    assert changes() == changes()


def test_random_changes_can_be_kept_to_some_lists_and_some_kinds(visitor: Visitor) -> None:
    effects = visitor.control("random", {"count": 30, "paths": [CURRENCIES], "kinds": ["update"]})

    assert {("update", CURRENCIES)} == {(effect["op"], effect["path"]) for effect in effects}
    assert 400 == visitor.client.post("/_sandbox/random", json={"paths": ["/nowhere"]}).status_code


def test_everything_is_served_after_many_random_changes(visitor: Visitor) -> None:
    visitor.control("random", {"count": 300, "seed": 9})

    for (path, parents, key), document in everything(visitor).items():
        if path in ("/api/v2/products", CURRENCIES, "/api/v2/clients/types"):
            own = path.replace("{productId}", parents[0]) if parents else path
            assert document == visitor.get(f"{own}/{key}").json()


def test_requests_are_counted_by_path_status_and_second(visitor: Visitor) -> None:
    visitor.control("reset", {"what": "requests"})
    for _ in range(3):
        visitor.get("/api/v2/tags", limit=1)
    visitor.get("/api/v2/tags/99")

    told = visitor.client.get("/_sandbox/requests?log=1").json()
    assert (4, {"/api/v2/tags": 3, "/api/v2/tags/99": 1}) == (told["total"], told["paths"])
    assert ({"200": 3, "404": 1}, 1) == (told["statuses"], told["most_in_flight"])
    assert 4 == told["most_in_a_second"] == len(told["log"])
    assert 3 == visitor.client.get("/_sandbox/requests?path=/api/v2/tags").json()["total"]


def test_requests_under_way_at_once_are_counted(visitor: Visitor) -> None:
    visitor.control("faults", {"kind": "delay", "seconds": 0.3})
    threads = [threading.Thread(target=visitor.get, args=("/api/v2/tags",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 3 == visitor.client.get("/_sandbox/requests").json()["most_in_flight"]


def test_a_reset_world_is_as_it_began_or_as_ordered(visitor: Visitor) -> None:
    before = everything(visitor)
    visitor.control("random", {"count": 50})
    visitor.begin()
    assert before == everything(visitor)
    assert [] == visitor.client.get("/_sandbox/journal").json()

    visitor.begin(counts={"/api/v2/tags": 3000}, seed=4)
    assert 3000 == visitor.get("/api/v2/tags").json()["total"]
    visitor.begin(counts={}, seed=1)


def test_an_unknown_option_or_control_is_refused(visitor: Visitor) -> None:
    assert 400 == visitor.client.post("/_sandbox/options", json={"colour": "red"}).status_code
    assert 404 == visitor.client.get("/_sandbox/colours").status_code


def test_balances_live_where_that_is_wanted(visitor: Visitor) -> None:
    def balance() -> str:
        return str(visitor.get("/api/v2/accounts/1").json()["statement"]["currentBalance"])

    assert balance() == balance()
    visitor.control("options", {"has_live_balances": True})
    assert 1 < len({balance() for _ in range(4)})


def test_every_step_of_the_story_changes_something(visitor: Visitor) -> None:
    sentences = visitor.client.get("/_sandbox/story").json()
    steps = [visitor.control("story/next") for _ in sentences]

    assert 12 <= len(steps) <= 20
    assert sentences == [step["sentence"] for step in steps]
    assert all(step["effects"] for step in steps)
    assert not any("{" in sentence for sentence in sentences)
    assert {"create", "update", "delete", "restore"} == {effect["op"] for step in steps for effect in step["effects"]}
    assert 400 == visitor.client.post("/_sandbox/story/next").status_code
    codes = [row["numericCode"] for row in visitor.rows("/api/v2/products/1/currencies", limit=100)]
    assert len(set(codes)) == len(codes)


def test_a_step_of_the_story_can_be_played_by_its_number(visitor: Visitor) -> None:
    assert 3 == visitor.control("story/3")["step"]
    assert 4 == visitor.control("story/next")["step"]
