#!/usr/bin/env php
<?php
// A consumer of Rekey that reads on demand: it signs user hashes, and reads the current record of an assistant
// again if what it holds is older than a second. It follows no stream, and compares no numbers.
//
//     consumer.php NAME KEY_FILE [MAX_AGE_MS]
//
// Needs php-cli and php-redis. Takes REDIS_URL and REKEY_PREFIX from the environment. For each line
// `sign ASSISTANT USER` of standard input it prints one line of JSON. In a service of your own:
//
//     $keys = new Rekey\Consumer('billing', Rekey\KeyFile::read('billing-key.json'), $redis);
//     $keys->signUserHash('ast_1', 'user-42')['hash'];

declare(strict_types=1);

namespace Rekey;

require_once __DIR__ . '/grant.php';

/** There is no key to sign with. */
final class NoKey extends \Exception
{
}

/** What is held of one assistant. */
final class Held
{
    public int $version = 0;
    public string $orgId = '';
    public ?string $secretKey = null;
    public bool $uncertain = false;
    /** Why nothing can be signed. */
    public string $problem = 'no key of this assistant is known';
    public float $readAtMs = 0;
}

final class Consumer
{
    /** @var array<string, Held> */
    private array $held = [];
    private ?SharedKeys $keys = null;
    private array $orgs = [];

    public function __construct(
        private readonly string $name,
        private readonly KeyFile $file,
        private readonly \Redis $redis,
        private readonly string $prefix = 'rekey',
        /** A held key that is older is read again. */
        private readonly int $maxAgeMs = 1000,
        private readonly ?\Closure $report = null,
    ) {
    }

    /** Throws NoKey, Unusable, or RedisException if nothing is held and Redis does not answer. */
    public function signUserHash(string $assistantId, string $userId): array
    {
        $held = $this->held["#$assistantId"] ??= new Held();
        if (nowMs() - $held->readAtMs > $this->maxAgeMs) {
            try {
                $this->read($assistantId, $held);
            } catch (\RedisException $error) {
                // What is held may be out of date: `age_ms` says so.
                $held->secretKey ?? throw $error;
            }
        }
        if ($held->secretKey === null) {
            throw new NoKey($held->problem);
        }
        return [
            'hash' => userHash($held->secretKey, $userId),
            'version' => $held->version,
            'uncertain' => $held->uncertain,
            'age_ms' => (int) (nowMs() - $held->readAtMs),
        ];
    }

    private function read(string $assistantId, Held $held): void
    {
        $beganMs = nowMs();
        [$entry, $text, $doubt, $time] = $this->redis->pipeline()
            ->hGet("{{$this->prefix}}:consumers", $this->name)
            ->get("{{$this->prefix}}:current:" . encode($assistantId))
            ->hGet("{{$this->prefix}}:uncertain", $assistantId)
            ->time()
            ->exec();
        $this->useEntry($entry);
        $nowUs = (int) $time[0] * 1_000_000 + (int) $time[1];
        if ($text !== false) {
            $this->apply($assistantId, $held, $text, $nowUs);
        }
        if ($held->secretKey !== null && !in_array($held->orgId, $this->orgs, true) && $this->orgs !== ['*']) {
            [$held->secretKey, $held->problem] = [null, 'it is of an org that this consumer may not read'];
        }
        $held->uncertain = $doubt !== false && $this->isDoubt($doubt, $assistantId, $held->version, $nowUs);
        $held->readAtMs = $beganMs;
    }

    /** Keeps grant and orgs if there is no entry: held keys may still be in force. */
    private function useEntry(string|false $text): void
    {
        $entry = $text === false ? null : parse($text);
        if (!is_string($entry?->grant ?? null) || !is_array($entry->orgs ?? null)) {
            $this->keys ?? throw new Unusable("there is no grant for $this->name");
            return;
        }
        $keys = openGrant($entry->grant, $this->name, $this->file);
        if ($this->keys !== null && $keys->isOlderThan($this->keys)) {
            $this->report('an entry with an older grant was put back');
            return;
        }
        [$this->keys, $this->orgs] = [$keys, $entry->orgs];
    }

    /** The rules for a current record: docs/guides/events.md, "Read on demand". */
    private function apply(string $assistantId, Held $held, string $text, int $nowUs): void
    {
        try {
            $event = parse($text) ?? throw new Refused('it is not an event');
            $isRecord = in_array($event->type ?? null, [KEY_ROTATED, KEY_REMOVED], true);
            if (!$isRecord || ($event->subject ?? null) !== $assistantId) {
                throw new Refused('it is stored in place of another event');
            }
            $record = openEvent($event, $this->keys, $nowUs);
        } catch (Foreign $foreign) {
            if ($foreign->version > $held->version) {
                [$held->secretKey, $held->problem] = [null, 'its record is not sealed for this consumer'];
            }
            return;
        } catch (Refused $refused) {
            $this->report('refused: ' . json_encode([$assistantId, $refused->getMessage()]));
            return;
        }
        if ($record->version < $held->version) {
            $this->report('refused: ' . json_encode([$assistantId, 'it is older than the key that is held']));
            return;
        }
        [$held->version, $held->orgId] = [$record->version, $record->org_id];
        $held->secretKey = $record->type === KEY_ROTATED ? $record->assistant->secret_key : null;
        $held->problem = 'the key of this assistant was removed: ' . ($record->removal ?? '');
    }

    private function isDoubt(string $text, string $assistantId, int $version, int $nowUs): bool
    {
        try {
            $event = parse($text) ?? throw new Refused('it is not an event');
            $record = openEvent($event, $this->keys, $nowUs);
            return $record->type === KEY_UNCERTAIN
                && $record->assistant_id === $assistantId && $record->version >= $version;
        } catch (Foreign | Refused) {
            return false;
        }
    }

    private function report(string $line): void
    {
        ($this->report ?? fn (string $text) => fwrite(STDERR, "$text\n"))("$this->name: $line");
    }
}

function nowMs(): float
{
    return hrtime(true) / 1e6;
}

function connect(string $url): \Redis
{
    $parts = parse_url($url);
    $redis = new \Redis();
    $host = ($parts['scheme'] ?? '') === 'rediss' ? "tls://{$parts['host']}" : $parts['host'];
    $redis->connect($host, $parts['port'] ?? 6379, 2.0, null, 0, 2.0);
    if (isset($parts['pass'])) {
        $redis->auth([...array_filter([urldecode($parts['user'] ?? '')]), urldecode($parts['pass'])]);
    }
    return $redis;
}

function main(array $argv): void
{
    $prefix = getenv('REKEY_PREFIX') ?: 'rekey';
    $redis = connect(getenv('REDIS_URL') ?: 'redis://127.0.0.1:6379');
    $consumer = new Consumer($argv[1], KeyFile::read($argv[2]), $redis, $prefix, (int) ($argv[3] ?? 1000));
    while (($line = fgets(STDIN)) !== false) {
        [$command, $assistantId, $userId] = [...explode(' ', rtrim($line, "\n"), 3), '', '', ''];
        try {
            $answer = $command === 'sign' && $assistantId !== '' && $userId !== ''
                ? $consumer->signUserHash($assistantId, $userId)
                : ['error' => 'usage: sign ASSISTANT USER'];
        } catch (NoKey | Unusable | \RedisException $error) {
            $answer = ['error' => $error->getMessage()];
        }
        echo json_encode($answer), "\n";
    }
}

if (realpath($argv[0] ?? '') === __FILE__) {
    main($argv);
}
