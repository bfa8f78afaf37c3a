import { NO_BYTES, pause, reset, type Hook, type Link } from './link.ts';

interface Hooks {
  arm(hook: Hook): void;
  /** Whether a chunk of the client may be forwarded; triggers the hooks that it matches. */
  passesToTarget(link: Link, chunk: Buffer): boolean;
  /** Whether a chunk of the target may be forwarded; triggers the hook that waits for an answer. */
  passesToClient(link: Link): boolean;
}

/** `resume` lets the bytes of a link flow again, if the proxy allows it. */
export const createHooks = (resume: (link: Link) => void): Hooks => {
  const armed = new Set<Hook>();

  const begin = (link: Link, { when }: Hook): void => {
    switch (when) {
      case 'before':
        link.held = true;
        pause(link);
        break;
      case 'after':
        link.muted = true;
        break;
      case 'held':
        link.heldBack = true;
        link.target.pause();
    }
  };
  const end = (link: Link, { when }: Hook): void => {
    if (when !== 'held') return reset(link);
    link.heldBack = false;
    resume(link);
  };
  const fire = (link: Link, hook: Hook): void => {
    armed.delete(hook);
    begin(link, hook);
    const acting = async (): Promise<void> => {
      try {
        await hook.act();
      } finally {
        end(link, hook);
      }
    };
    hook.settle(acting());
  };

  /** The hooks whose pattern this chunk completes. */
  const matches = (link: Link, chunk: Buffer): Hook[] => {
    const seen = link.tail.length === 0 ? chunk : Buffer.concat([link.tail, chunk]);
    const contains = (pattern: Buffer): boolean => {
      const couldStartAt = link.tail.length - (pattern.length - 1);
      return seen.includes(pattern, Math.max(0, couldStartAt));
    };
    const hits = [...armed].filter(({ patterns }) => patterns.some(contains));
    const longest = Math.max(...[...armed].flatMap(({ patterns }) => patterns.map(({ length }) => length)));
    // Copied: a slice would keep the whole chunk in memory.
    link.tail = Buffer.from(seen.subarray(Math.max(0, seen.length - (longest - 1))));
    return hits;
  };

  return {
    arm: (hook) => armed.add(hook),
    passesToTarget: (link, chunk) => {
      if (armed.size === 0) {
        link.tail = NO_BYTES;
        return true;
      }
      const hits = matches(link, chunk);
      const before = hits.find(({ when }) => when === 'before');
      if (before) {
        fire(link, before);
        return false;
      }
      const held = hits.find(({ when }) => when === 'held');
      if (held) {
        fire(link, held);
        return true;
      }
      const waits = link.awaiting !== undefined && armed.has(link.awaiting);
      if (!waits) link.awaiting = hits[0];
      return true;
    },
    passesToClient: (link) => {
      const { awaiting } = link;
      if (link.muted) return false;
      if (!awaiting || !armed.has(awaiting)) return true;
      fire(link, awaiting);
      return false;
    },
  };
};
