import { describe, expect, it } from '@jest/globals';
import { parseEnvironment } from '@rekey/runtime';
import { variableChecks } from '@rekey/testing';
import { GatewayEnvironment } from './config.ts';

describe('any variable', () => {
  const names = Object.keys(GatewayEnvironment.shape);
  const checks = variableChecks((env) => parseEnvironment(GatewayEnvironment, env));

  it.each(names)('%s with only white space counts as not set', (name) =>
    expect(() => checks.blank(name)).not.toThrow(),
  );
  it.each(names)('%s may have white space around it', (name) =>
    expect(() => checks.spaced(name)).not.toThrow(),
  );
  it.each(names)(
    '%s is refused by name, and never shown, if it is huge, not UTF-8 or has control characters',
    (name) => expect(() => checks.unusable(name)).not.toThrow(),
  );
  it.each(names)('%s is accepted, or refused by name, whatever it holds', (name) =>
    expect(() => checks.strange(name)).not.toThrow(),
  );
});
