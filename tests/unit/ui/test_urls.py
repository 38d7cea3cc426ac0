"""Addresses as `status` proves them, and credentials by the name of their Secret alone."""

from dataclasses import replace

from bootstrap.model.release import FluxRepo
from bootstrap.model.status import UrlStatus
from bootstrap.ui.urls import urls_json
from fakes.pages import Pages
from fakes.repo import kustomization

INGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "grafana", "namespace": "monitoring"},
    "spec": {"rules": [{"host": "grafana.localhost"}]},
}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "grafana", "namespace": "monitoring"},
    "data": {"admin-user": "YWRtaW4=", "admin-password": "cGxhbnRlZC00NzEx", "other": "eA=="},
}
KEYLESS = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca"}, "data": {"ca.crt": "eA=="}}


def test_an_address_names_its_part_and_its_secret(pages: Pages) -> None:
    objects = (INGRESS, SECRET, KEYLESS)
    pages.setting.world.repo = FluxRepo(kustomizations=(kustomization("monitoring", *objects),))
    look = pages.looks.take()
    assert look.report is not None
    urls = (
        UrlStatus(name="AWS", url="http://127.0.0.1:4566"),
        UrlStatus(name="grafana.localhost", url="http://grafana.localhost:8081"),
        UrlStatus(name="old.localhost", url="http://old.localhost:8081", problem="no controller answers"),
    )
    found = urls_json(replace(look, report=replace(look.report, urls=urls)))["urls"]
    assert [(url["name"], url["url"], url["problem"], url["part"]) for url in found] == [
        ("AWS", "http://127.0.0.1:4566", "", ""),
        ("grafana.localhost", "http://grafana.localhost:8081", "", "objects/flux-system/monitoring"),
        ("old.localhost", "", "no controller answers", ""),
    ]
    (credentials,) = found[1]["credentials"]
    assert (credentials["secret"], credentials["keys"]) == ("monitoring/grafana", ["admin-user", "admin-password"])
    assert credentials["command"] == (
        "kubectl get secret -n monitoring grafana -o go-template='{{index .data \"admin-password\" | base64decode}}'"
    )
    assert "cGxhbnRlZC00NzEx" not in str(found)
