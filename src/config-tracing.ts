/** Owns the settings of tracing: OpenTelemetry's own variables, as far as they decide what is sent and where. */
import { z } from 'zod';
import { webUrl } from './config-values.ts';

const protocols = ['http/protobuf', 'http/json'] as const;
const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

const protocol = z.enum(protocols, `one of ${protocols.join(', ')}`).optional();

/** The variables in their wire form. What is not among them, such as headers, the exporter reads by itself. */
export const tracingSettings = {
  OTEL_SDK_DISABLED: z.string().optional(),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], 'otlp or none').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: webUrl.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: webUrl.optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol,
  OTEL_TRACES_SAMPLER: z.enum(samplers, `one of ${samplers.join(', ')}`).optional(),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'a number from 0 to 1')
    .transform(Number)
    .optional(),
  OTEL_SERVICE_NAME: z.string().optional(),
};

/** Where traces go and which are taken. */
export type TracingSetting = Readonly<{
  /** The whole URL that spans are posted to. */
  url: string;
  protocol: (typeof protocols)[number];
  sampler: (typeof samplers)[number];
  /** The share of traces that the samplers by ratio take, 0 to 1. */
  sampledShare: number;
  serviceName: string;
}>;

const shape = z.object(tracingSettings);

/** The setting, or undefined when no endpoint is named or tracing is disabled. */
export function tracingSettingOf(settings: z.output<typeof shape>): TracingSetting | undefined {
  const isDisabled = settings.OTEL_SDK_DISABLED?.toLowerCase() === 'true';
  const base = settings.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, '');
  // As OpenTelemetry has it: the general endpoint is a base, the one of traces is taken as it is.
  const url = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && `${base}/v1/traces`);
  if (isDisabled || settings.OTEL_TRACES_EXPORTER === 'none' || url === undefined) return undefined;
  return Object.freeze({
    url,
    protocol:
      settings.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? settings.OTEL_EXPORTER_OTLP_PROTOCOL ?? 'http/protobuf',
    sampler: settings.OTEL_TRACES_SAMPLER ?? 'parentbased_always_on',
    sampledShare: settings.OTEL_TRACES_SAMPLER_ARG ?? 1,
    serviceName: settings.OTEL_SERVICE_NAME ?? 'holdfast',
  });
}
