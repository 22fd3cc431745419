# The service and the trainer in one image: same dependencies, same source.
# Build arguments:
#   GROUP                  dependency group of pyproject.toml: cpu, or gpu (see docker-compose.gpu.yml)
#   PIP_INDEX_URL          another package index than pip's own
#   PIP_EXTRA_INDEX_URL    one more index; give PyTorch's index of CPU wheels here, or pip takes the large CUDA build
# Every package is one whose hash stands in requirements/ (docs/decisions/0021-images.md).

FROM python:3.11-slim AS dependencies
ARG GROUP=cpu
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY docker/install.sh requirements/*.lock ./
RUN bash install.sh "$GROUP" /opt/venv

FROM python:3.11-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KTUP_HOST=0.0.0.0
# The only folder that is written to. Volumes mounted on it take over its owner. Nothing here installs packages.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin ktup \
 && install -d -o ktup -g ktup /srv/ktup/var /srv/ktup/var/releases \
 && python -m pip uninstall --yes --quiet --root-user-action ignore setuptools wheel pip
WORKDIR /srv/ktup
COPY --from=dependencies /opt/venv /opt/venv
COPY . .
USER 10001:10001
EXPOSE 8000
# The first probe after start waits for torch to load and the release to be checked.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "docker/healthcheck.py"]
CMD ["python", "-m", "app", "serve"]
