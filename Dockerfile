# The operator's image. It is built without network, from wheels checked against the lock file:
#
#   pip download --require-hashes --no-deps --only-binary=:all: -r requirements/operator.lock -d wheels
#   docker build --build-arg BASE_IMAGE=python:3.11-slim@sha256:<digest> -t <registry>/lockstep-operator .
#
# BASE_IMAGE is any image with Python 3.11 and its venv module, named by digest. It has no default:
# a tag would not be a pin, and a digest written here would grow old unseen.
ARG BASE_IMAGE

FROM ${BASE_IMAGE} AS install
USER 0:0
RUN python3 -m venv /build
COPY wheels /wheels
COPY requirements/operator.lock /operator.lock
RUN /build/bin/pip install --quiet --disable-pip-version-check --no-compile \
      --no-index --find-links /wheels --no-deps --require-hashes \
      --requirement /operator.lock --target /opt/lockstep
COPY operator/lockstep /opt/lockstep/lockstep
COPY pyproject.toml /pyproject.toml
# What an installed package has and a copied one lacks: a version, for the user agent.
RUN python3 -c "import pathlib, tomllib; \
      project = tomllib.loads(pathlib.Path('/pyproject.toml').read_text())['project']; \
      info = pathlib.Path('/opt/lockstep/lockstep_operator-{version}.dist-info'.format_map(project)); \
      info.mkdir(); \
      info.joinpath('METADATA').write_text('Name: {name}\\nVersion: {version}\\n'.format_map(project))"
# The root file system is read-only: what is not compiled here is compiled at every start. Files
# lose their times on the way into a registry, so the compiled ones are not checked against them.
# The typed classes of the Kubernetes client, hardly one of which is ever loaded, would add 60 MB.
RUN rm -rf /opt/lockstep/bin \
 && python3 -m compileall -q --invalidation-mode unchecked-hash \
      -x 'kubernetes/(aio/)?client/(api|models)/' /opt/lockstep

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="lockstep-operator" \
      org.opencontainers.image.description="Takes a machine-learning model to production traffic, one proven step at a time." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=install /opt/lockstep /opt/lockstep
ENV PYTHONPATH=/opt/lockstep PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /
ENTRYPOINT ["python3", "-m", "lockstep"]
