"""What nearly every test of the commands begins with: flash with an application, a site's cabinet."""

import device_kit as kit
import pytest


@pytest.fixture(scope="session")
def ready_by_kind(tmp_path_factory):
    """Flash with an application, by kind of image."""
    return {kind: kit.ready_flash(tmp_path_factory.mktemp("ready"), kind) for kind in kit.BOARD_OF}


@pytest.fixture(scope="session")
def ready(ready_by_kind):
    return ready_by_kind[kit.OFFICIAL]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A cabinet file, its configuration, and the same for the simulator."""
    file = kit.cabinet_file(tmp_path_factory.mktemp("site"))
    return file, *kit.compiled(file)
