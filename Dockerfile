# The service and the trainer in one image: same dependencies, same source.
# Build arguments:
#   GROUP                  dependency group of pyproject.toml: cpu, or gpu (see docker-compose.gpu.yml)
#   PIP_INDEX_URL          another package index than pip's own
#   PIP_EXTRA_INDEX_URL    one more index; give PyTorch's index of CPU wheels here, or pip takes the large CUDA build

# The groups alone, so that a change of another setting in pyproject.toml doesn't install everything again.
FROM python:3.11-slim AS groups
WORKDIR /groups
COPY pyproject.toml /tmp/
RUN sed -n '/^\[dependency-groups\]/,/^\[tool\./{/^\[tool\./!p}' /tmp/pyproject.toml > pyproject.toml

FROM python:3.11-slim AS dependencies
ARG GROUP=cpu
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install "pip>=25.1,<27"
COPY constraints.txt ./
COPY --from=groups /groups/pyproject.toml ./
# What only building and testing torch needs goes, and so does pip once its work is done.
RUN /opt/venv/bin/pip install --group "$GROUP" --constraint constraints.txt \
 && torch=$(echo /opt/venv/lib/python3*/site-packages/torch) \
 && rm -rf "$torch/include" "$torch/test" "$torch"/bin/test_* "$torch"/bin/*StoreTest "$torch"/bin/protoc* \
 && /opt/venv/bin/pip uninstall --yes setuptools pip

FROM python:3.11-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KTUP_HOST=0.0.0.0
# The only folder that is written to. Volumes mounted on it take over its owner.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin ktup \
 && install -d -o ktup -g ktup /srv/ktup/var /srv/ktup/var/releases
WORKDIR /srv/ktup
COPY --from=dependencies /opt/venv /opt/venv
COPY . .
USER 10001:10001
EXPOSE 8000
# The first probe after start waits for torch to load and the release to be checked.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "docker/healthcheck.py"]
CMD ["python", "-m", "app", "serve"]
