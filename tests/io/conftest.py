"""What the tests of the readers of exports share."""

import pytest


@pytest.fixture
def write(tmp_path, request):
    """Write bytes as an export, under the module's ``EXPORT`` or another name."""

    def _write(data, name=request.module.EXPORT):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return _write
