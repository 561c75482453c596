from dash import no_update

from dash_app.callbacks import clusters
from tests.dash_app.callbacks.triggers import triggered_by
from tests.dash_app.synthetic import DAYS
from tests.dash_app.trees import ids, of_class, parts, text

WHERE = {"path": "/", "snapshot": DAYS[1].isoformat()}
NOWHERE = {"path": "/", "snapshot": "2020-01-01"}


def user_traces(figure):
    return [trace for trace in figure.data if trace.type == "scattergl"]


def test_the_map_is_coloured_by_cluster_and_dims_the_others(services):
    figure, legend = clusters.color_map(services, None, WHERE, {"cluster": "C02"})
    opacity = {trace.meta: trace.marker.opacity for trace in user_traces(figure)}
    assert set(opacity) == {"", "C01", "C02", "C03"}
    assert max(opacity, key=opacity.get) == "C02"
    assert of_class(legend, "legend")


def test_the_map_is_coloured_by_a_feature(services):
    figure, _ = clusters.color_map(services, "submitted_share", WHERE, None)
    assert figure.layout.coloraxis.colorbar.tickformat == ".0%"
    assert all(trace.marker.coloraxis == "coloraxis" for trace in user_traces(figure))


def test_an_unknown_feature_colours_by_cluster(services):
    figure, _ = clusters.color_map(services, "no_such", WHERE, None)
    assert all(isinstance(trace.marker.color, str) for trace in user_traces(figure))


def test_without_a_snapshot_the_map_stays_as_it_is(services):
    assert clusters.color_map(services, None, NOWHERE, None) == (no_update, no_update)


def test_typed_text_finds_users_by_their_id(services):
    with triggered_by("find-user", "value"):
        results = clusters.find_users(services, " user-00001 ", None, WHERE)
    assert [each.children for each in parts(results) if each._type == "Code"] == ["user-00001"]
    assert {"type": "open", "cluster": "C01", "at": "user user-00001"} in ids(results)


def test_no_text_and_no_snapshot_find_nothing(services):
    with triggered_by("find-user", "value"):
        assert clusters.find_users(services, "  ", None, WHERE) is None
        assert clusters.find_users(services, "user", None, NOWHERE) is None


def test_a_picked_point_is_shown_with_the_cluster_that_the_map_knows(services):
    with triggered_by("picked", "data"):
        results = clusters.find_users(services, "other text", {"id": "user-00200", "cluster": "C02"}, WHERE)
    assert {"type": "open", "cluster": "C02", "at": "user user-00200"} in ids(results)


def test_a_user_under_the_pointer_is_told_at_a_glance(services, shown):
    words = text(clusters.tell_user(services, {"id": "user-00001", "cluster": "C01"}, WHERE))
    with services.database.connect() as con:
        [(action, reached)] = con.execute(
            "SELECT arg_max(action, timestamp), bool_or(action = 'deal_complete') FROM events WHERE user_id = 'user-00001'"
        ).fetchall()
    assert words.startswith("user-00001 Deal closers; ")
    assert f"{'reached' if reached else 'did not reach'} “deal complete”" in words
    assert f"last “{shown.labels.label(action)}”" in words
    assert clusters.tell_user(services, None, WHERE) is None
    assert clusters.tell_user(services, {"id": "user-00001", "cluster": "C01"}, NOWHERE) is None
