import socket
from pathlib import Path

import botocore.session
import httpx
import pytest
import yarl

from proxy.bedrock.endpoint import Endpoints, model_path, resolve_endpoints, resolve_region
from proxy.errors import ModelNotFound, NotConfigured

RUNTIME = "https://bedrock-runtime.us-west-2.amazonaws.com"
CONTROL = "https://bedrock.us-west-2.amazonaws.com"


PLAIN = {
    # Region -> domain of the partition (AWS "Regions and endpoints").
    "us-west-2": "us-west-2.amazonaws.com",
    "us-gov-west-1": "us-gov-west-1.amazonaws.com",
    "cn-north-1": "cn-north-1.amazonaws.com.cn",
    "eusc-de-east-1": "eusc-de-east-1.amazonaws.eu",
    "us-iso-east-1": "us-iso-east-1.c2s.ic.gov",
    "us-isob-east-1": "us-isob-east-1.sc2s.sgov.gov",
    "eu-isoe-west-1": "eu-isoe-west-1.cloud.adc-e.uk",
    "us-isof-south-1": "us-isof-south-1.csp.hci.ic.gov",
}


@pytest.mark.parametrize(("region", "domain"), PLAIN.items(), ids=PLAIN)
@pytest.mark.usefixtures("aws")
def test_every_partition(region: str, domain: str) -> None:
    endpoints = resolve_endpoints(botocore.session.Session(), region)
    assert endpoints == Endpoints(f"https://bedrock-runtime.{domain}", f"https://bedrock.{domain}")


ENVIRONMENTS = {
    "fips": (
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        "https://bedrock-runtime-fips.us-west-2.amazonaws.com",
        "https://bedrock-fips.us-west-2.amazonaws.com",
    ),
    "dual-stack": (
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
        "https://bedrock-runtime.us-west-2.api.aws",
        "https://bedrock.us-west-2.api.aws",
    ),
    "fips and dual-stack": (
        {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
        "https://bedrock-runtime-fips.us-west-2.api.aws",
        "https://bedrock-fips.us-west-2.api.aws",
    ),
    "one service": (
        {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:9/gateway/"},
        "http://127.0.0.1:9/gateway",
        CONTROL,
    ),
    "both services and a general one": (
        {
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://runtime.test",
            "AWS_ENDPOINT_URL_BEDROCK": "https://control.test/x",
            "AWS_ENDPOINT_URL": "https://general.test",
        },
        "https://runtime.test",
        "https://control.test/x",
    ),
    "a general one": ({"AWS_ENDPOINT_URL": "https://general.test"}, "https://general.test", "https://general.test"),
    "ignored": (
        {"AWS_ENDPOINT_URL": "https://general.test", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        RUNTIME,
        CONTROL,
    ),
    "ignored with fips": (
        {
            "AWS_ENDPOINT_URL": "https://general.test",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            "AWS_USE_FIPS_ENDPOINT": "true",
        },
        "https://bedrock-runtime-fips.us-west-2.amazonaws.com",
        "https://bedrock-fips.us-west-2.amazonaws.com",
    ),
}


@pytest.mark.parametrize(("environment", "runtime", "control"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
@pytest.mark.usefixtures("aws")
def test_settings_in_the_environment(
    environment: dict[str, str], runtime: str, control: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert resolve_endpoints(botocore.session.Session(), "us-west-2") == Endpoints(runtime, control)


@pytest.mark.usefixtures("aws")
def test_instance_metadata_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as metadata:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{metadata.getsockname()[1]}")
        # With these, botocore asks the machine for its region.
        monkeypatch.setenv("AWS_DEFAULTS_MODE", "auto")
        assert resolve_endpoints(botocore.session.Session(), "us-west-2") == Endpoints(RUNTIME, CONTROL)
        metadata.setblocking(False)
        with pytest.raises(BlockingIOError):
            metadata.accept()


def test_settings_in_the_config_file(aws: Path) -> None:
    aws.write_text(
        "[default]\nendpoint_url = https://general.test\nservices = mine\n"
        "[services mine]\nbedrock_runtime =\n  endpoint_url = https://runtime.test/path\n"
        "[profile plain]\nuse_fips_endpoint = true\n"
    )
    by_default = resolve_endpoints(botocore.session.Session(), "us-west-2")
    assert by_default == Endpoints("https://runtime.test/path", "https://general.test")
    by_profile = resolve_endpoints(botocore.session.Session(profile="plain"), "us-east-1")
    assert by_profile.runtime == "https://bedrock-runtime-fips.us-east-1.amazonaws.com"


REFUSED = {
    "fips and an endpoint": ({"AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL": "https://general.test"}, "FIPS"),
    "no URL": ({"AWS_ENDPOINT_URL": "user:hidden@127.0.0.1:9"}, "no plain URL"),
    "a query": ({"AWS_ENDPOINT_URL_BEDROCK": "https://control.test?password=hidden"}, "no plain URL"),
    "no such profile": ({"AWS_PROFILE": "nobody"}, "nobody"),
}


@pytest.mark.parametrize(("environment", "named"), REFUSED.values(), ids=REFUSED)
@pytest.mark.usefixtures("aws")
def test_settings_that_lead_nowhere(environment: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NotConfigured) as caught:
        resolve_endpoints(botocore.session.Session(), "us-west-2")
    assert named in caught.value.message
    assert "operator" in caught.value.message
    assert "hidden" not in caught.value.message


@pytest.mark.usefixtures("aws")
def test_a_region_that_is_none_leads_nowhere() -> None:
    with pytest.raises(NotConfigured, match="us west"):
        resolve_endpoints(botocore.session.Session(), "us west")


def test_region_order(aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.write_text("[default]\nregion = eu-west-1\n[profile other]\nregion = eu-west-2\n")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    session = botocore.session.Session()
    both = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-2"}
    assert resolve_region(session, "ca-central-1", both) == "ca-central-1"
    assert resolve_region(session, None, both) == "us-east-1"
    assert resolve_region(session, None, {"AWS_DEFAULT_REGION": "us-east-2"}) == "us-east-2"
    assert resolve_region(session, None, {"AWS_REGION": ""}) == "eu-west-1"
    assert resolve_region(botocore.session.Session(profile="other"), None, {}) == "eu-west-2"


@pytest.mark.usefixtures("aws")
def test_no_region() -> None:
    with pytest.raises(NotConfigured, match="knows no AWS region"):
        resolve_region(botocore.session.Session(), None, {})
    with pytest.raises(NotConfigured, match="ProfileNotFound"):
        resolve_region(botocore.session.Session(profile="nobody"), None, {})


PATHS = {
    "meta.llama3-8b-instruct-v1:0": "/model/meta.llama3-8b-instruct-v1:0/invoke",
    "arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.meta.llama3-3-70b-instruct-v1:0": (
        "/model/arn:aws:bedrock:us-west-2:123456789012:inference-profile%2Fus.meta.llama3-3-70b-instruct-v1:0/invoke"
    ),
    "a/../b c?d#e%2F€": "/model/a%2F..%2Fb%20c%3Fd%23e%252F%E2%82%AC/invoke",
}


@pytest.mark.parametrize(("model_id", "path"), PATHS.items())
def test_model_path(model_id: str, path: str) -> None:
    assert model_path(model_id, "invoke") == path


def test_http_clients_send_the_path_as_it_is() -> None:
    for code in [*range(1, 256), 0x20AC]:
        path = model_path(f"a{chr(code)}b", "converse")
        assert httpx.URL(f"https://host{path}").raw_path.decode() == path
        assert yarl.URL(f"https://host{path}").raw_path == path


@pytest.mark.parametrize("model_id", ["", ".", ".."])
def test_ids_that_a_path_cannot_hold(model_id: str) -> None:
    with pytest.raises(ModelNotFound):
        model_path(model_id, "invoke")
