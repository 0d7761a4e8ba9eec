/** Owns the proof of the settings of tracing: when traces are sent, where to, and which values are refused. */
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';

const tracingOf = (env: Record<string, string>) => {
  const result = readConfig(env);
  if ('faults' in result) throw new Error(result.faults.join('\n'));
  return result.config.tracing;
};

const faultsOf = (env: Record<string, string>): readonly string[] => {
  const result = readConfig(env);
  return 'faults' in result ? result.faults : [];
};

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };

describe('traces are sent', () => {
  it('when an endpoint is named, to its path for traces', () => {
    expect(tracingOf(endpoint)).toEqual({
      url: 'http://collector:4318/v1/traces',
      protocol: 'http/protobuf',
      sampler: 'parentbased_always_on',
      sampledShare: 1,
      serviceName: 'holdfast',
    });
  });

  it('to the endpoint of traces as it is, by the protocol of traces, before the general ones', () => {
    const env = {
      ...endpoint,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces/here',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    };
    expect(tracingOf(env)).toMatchObject({ url: 'https://traces/here', protocol: 'http/json' });
  });

  it('as many as the sampler says', () => {
    const env = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' };
    expect(tracingOf({ ...endpoint, ...env })).toMatchObject({ sampler: 'traceidratio', sampledShare: 0.25 });
  });
});

describe('traces are not sent', () => {
  it.each([
    {},
    { OTEL_SERVICE_NAME: 'a name alone asks for nothing' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { ...endpoint, OTEL_SDK_DISABLED: 'TRUE' },
    { ...endpoint, OTEL_TRACES_EXPORTER: 'none' },
  ])('with %j', (env) => {
    expect(tracingOf(env)).toBeUndefined();
  });
});

it.each([
  [
    'OTEL_EXPORTER_OTLP_PROTOCOL',
    'grpc',
    'OTEL_EXPORTER_OTLP_PROTOCOL must be one of http/protobuf, http/json, but is "grpc"',
  ],
  ['OTEL_TRACES_EXPORTER', 'zipkin', 'OTEL_TRACES_EXPORTER must be otlp or none, but is "zipkin"'],
  ['OTEL_TRACES_SAMPLER_ARG', '2', 'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, but is "2"'],
  [
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'user:secret@x',
    'OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// or https:// URL',
  ],
])('%s=%s is refused', (name, value, fault) => {
  expect(faultsOf({ [name]: value })).toEqual([fault]);
});
