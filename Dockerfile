# Astro Runtime 3.3 (Airflow 3.3) by default, so that `astro dev start` works; the official image by
#   docker build --build-arg BASE_IMAGE=apache/airflow:3.3.2-python3.11 .
# Both bases run as a user that isn't root, and set AIRFLOW_HOME. No secret belongs in here: connections come
# from AIRFLOW_CONN_… and keys from TOUCHPROOF_… at run time.
ARG BASE_IMAGE=astrocrpublic.azurecr.io/runtime:3.3-2
FROM ${BASE_IMAGE}

# Astro Runtime installs requirements.txt by itself; for the official image it is said here.
COPY --chown=50000:0 requirements.txt ${AIRFLOW_HOME}/
RUN python -m pip install --no-cache-dir --disable-pip-version-check -r ${AIRFLOW_HOME}/requirements.txt

COPY --chown=50000:0 . ${AIRFLOW_HOME}/
ENV PYTHONPATH=${AIRFLOW_HOME}/include \
    TOUCHPROOF_WORLD=main \
    TOUCHPROOF_DATA_DIR=${AIRFLOW_HOME}/data \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    AIRFLOW__COSMOS__ENABLE_TELEMETRY=False \
    AIRFLOW__COSMOS__ENABLE_WATCHER_RELIABLE_RETRY=False \
    DO_NOT_TRACK=1

# The DAGs draw the dbt models from this manifest: parsing SQL at each DAG parse would cost seconds.
RUN cd ${AIRFLOW_HOME} && python -m touchproof parse
