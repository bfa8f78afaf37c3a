import type { BeyondLimit, CallContext } from '@rekey/rpc';
import type { Rights } from '@rekey/access';
import type { Actor } from '@rekey/schema';
import type { Admission } from './guard-calls.ts';
import { actorOf } from '../identity/actor-of.ts';
import type { Caller } from '../identity/authenticate.ts';
import { requireOrg, requireOwn } from '../pipeline/authorize.ts';
import type { ReadOrgName } from '../pipeline/org-names.ts';
import type { Rpc, RpcContext } from '../pipeline/rpc.ts';

/** Makes each part when it is asked for: most handlers ask for few, and tens of thousands may be waiting. */
export class ContextOfRpc implements RpcContext {
  readonly sees: RpcContext['sees'];
  private readonly rpc: Rpc;
  private readonly call: CallContext;
  private readonly admission: Admission;
  private readonly readOrgName: ReadOrgName;
  private knownActor: Actor | undefined;

  constructor(
    rpc: Rpc,
    call: CallContext,
    admission: Admission,
    readOrgName: ReadOrgName,
    sees: RpcContext['sees'],
  ) {
    this.rpc = rpc;
    this.call = call;
    this.admission = admission;
    this.readOrgName = readOrgName;
    this.sees = sees;
  }

  get caller(): Caller {
    return this.admission.caller;
  }

  get actor(): Actor {
    return (this.knownActor ??= actorOf(this.caller, this.call));
  }

  get rights(): () => Rights {
    return this.admission.rights;
  }

  get requireOwn(): RpcContext['requireOwn'] {
    return requireOwn(this.rpc, this.caller, this.rights, this.readOrgName);
  }

  get requireOrg(): RpcContext['requireOrg'] {
    return requireOrg(this.rpc, this.rights, this.readOrgName);
  }

  get path(): string {
    return this.call.path;
  }

  get requestId(): string {
    return this.call.requestId;
  }

  get traceparent(): string | undefined {
    return this.call.traceparent;
  }

  get signal(): AbortSignal {
    return this.call.signal;
  }

  get isGone(): boolean {
    return this.call.isGone;
  }

  onGone(listener: () => void): void {
    this.call.onGone(listener);
  }

  get deadlineMs(): number | undefined {
    return this.call.deadlineMs;
  }

  get authorization(): string | undefined {
    return this.call.authorization;
  }

  get peerCertificate(): Buffer | undefined {
    return this.call.peerCertificate;
  }

  get peer(): string | undefined {
    return this.call.peer;
  }

  get beyondLimit(): BeyondLimit | undefined {
    return this.call.beyondLimit;
  }
}
