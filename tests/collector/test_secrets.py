"""What a kubeconfig holds stays in memory."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from apps.clusters.kubeconfigs import read_kubeconfig
from apps.collector.cluster import ClusterApi
from tests.factories.kubeconfigs import certificate_pem, data, key_pem, kubeconfig


def test_no_certificate_or_key_is_left_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    user = {"client-certificate-data": data(certificate_pem()), "client-key-data": data(key_pem())}
    text = kubeconfig(cluster={"certificate-authority-data": data(certificate_pem())}, user=user)

    async def connect() -> None:
        api = await ClusterApi.connect(read_kubeconfig(text).document, anywhere=False)
        assert list(tmp_path.iterdir()) == []
        await api.close()

    for _ in range(2):
        asyncio.run(connect())
