# docker build -t bedrock-proxy .
# docker run -p 8000:8000 -e BEDROCK_PROXY_API_KEY=… -e AWS_REGION=us-east-1 bedrock-proxy
#
# BEDROCK_PROXY_API_KEY (or `auth.keys`) is required: the container listens on every address, and the proxy refuses to
# do that without a key. AWS credentials come from the role of the task, pod or instance, from the usual AWS_… variables
# or from `-v ~/.aws:/home/proxy/.aws:ro`; the configuration from `-v ./config.yaml:/etc/bedrock-proxy/config.yaml:ro`.
# Without AWS: docker run -p 8000:8000 -e BEDROCK_PROXY_API_KEY=… bedrock-proxy serve --emulator

# The tag takes Python's and Debian's security fixes in at each build; who needs the same bytes adds a digest here.
FROM python:3.13-slim-trixie AS base

FROM base AS build
WORKDIR /src
# Packages first: they change seldom, so this layer is usually a cached one.
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/venv && \
    pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY proxy ./proxy
RUN pip wheel --no-cache-dir --no-deps --wheel-dir dist . && \
    pip --python /opt/venv/bin/python install --no-cache-dir --no-deps dist/*.whl

FROM base
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/home/proxy \
    HOST=0.0.0.0 \
    PORT=8000
# config.yaml is read from the working directory when it is there, and may be missing.
WORKDIR /etc/bedrock-proxy
# A number, so that Kubernetes can tell that it is not root (runAsNonRoot).
USER 65532:65532
EXPOSE 8000
STOPSIGNAL SIGTERM
# Past any HTTP_PROXY of the environment, which would not find this address.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]
# The exec form: signals reach the proxy itself, and it ends its streams before it stops.
ENTRYPOINT ["bedrock-proxy"]
CMD ["serve"]
