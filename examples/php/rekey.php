<?php
// Opens grants and events of Rekey. The contract: docs/guides/events.md. Needs php-cli alone (openssl, sodium).

declare(strict_types=1);

namespace Rekey;

const KEY_ROTATED = 'rekey.assistant.key-rotated.v1';
const KEY_REMOVED = 'rekey.assistant.key-removed.v1';
const KEY_UNCERTAIN = 'rekey.assistant.key-uncertain.v1';
const CONSUMER_CHANGED = 'rekey.consumer.changed.v1';
const KEY_EVENTS = [KEY_ROTATED, KEY_REMOVED, KEY_UNCERTAIN];
const DAY_US = 86_400_000_000;
const MAX_NUMBER = 2 ** 53 - 1;

// The protected header of records: of this version of Rekey, and of the next one.
const SPLIT_HEADER = 'eyJlbmMiOiJBMjU2R0NNIiwiY3R5IjoiYXBwbGljYXRpb24vanNvbiJ9';
const JOINED_HEADER =
    'eyJlbmMiOiJBMjU2R0NNIiwiY3R5IjoiYXBwbGljYXRpb24vanNvbiIsInR5cCI6InJla2V5LnJlY29yZC4yIn0';
// Base64url without padding: 12 bytes, 16 bytes, 40 bytes, and any number. \z: a line break is no end.
const FORMS = [
    'iv' => '/\A[\w-]{16}\z/',
    'tag' => '/\A[\w-]{21}[AQgw]\z/',
    'encrypted_key' => '/\A[\w-]{53}[AQgw]\z/',
    'ciphertext' => '/\A[\w-]*\z/',
];

/** It does not come from Rekey in this form. The message quotes nothing of it. */
final class Refused extends \Exception
{
}

/** It has the form that Rekey uses, and is sealed for others only. */
final class Foreign extends \Exception
{
    public function __construct(public readonly int $version)
    {
        parent::__construct('it is not sealed for this consumer');
    }
}

/** A key file or a grant that cannot open anything. */
final class Unusable extends \Exception
{
}

/** The two keys that one consumer shares with Rekey. */
final class SharedKeys
{
    public function __construct(
        public readonly string $kid,
        #[\SensitiveParameter] public readonly string $wrapping,
        #[\SensitiveParameter] public readonly string $proving,
        public readonly int $revision,
        public readonly bool $needsKeyProof,
    ) {
    }

    /** An old entry that was put back has an old grant: its keys open old records, and none of today. */
    public function isOlderThan(self $held): bool
    {
        return $this->revision < $held->revision
            || ($this->revision === $held->revision && $this->kid !== $held->kid);
    }
}

function encode64(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

function decode64(mixed $text): string
{
    $bytes = is_string($text) ? base64_decode(strtr($text, '-_', '+/'), true) : false;
    return $bytes === false ? throw new Refused('it is not base64url') : $bytes;
}

/** Percent-encodes as JavaScript's encodeURIComponent does. */
function encode(string $id): string
{
    return strtr(rawurlencode($id), ['%21' => '!', '%27' => "'", '%28' => '(', '%29' => ')', '%2A' => '*']);
}

/** The JSON object in a text; null if there is none. */
function parse(string $text): ?\stdClass
{
    $parsed = json_decode($text);
    return $parsed instanceof \stdClass ? $parsed : null;
}

function isNumber(mixed $value): bool
{
    return is_int($value) && $value > 0 && $value <= MAX_NUMBER;
}

// --- Events ---

/**
 * The record of an event: org_id, assistant_id, version, type, and assistant->secret_key or removal.
 * Throws Foreign or Refused. $nowUs: TIME of Redis, in µs.
 */
function openEvent(\stdClass $event, SharedKeys $keys, int $nowUs): \stdClass
{
    $sealed = $event->data->sealed ?? null;
    $version = $event->data->version ?? null;
    $recipients = $sealed->recipients ?? null;
    $isEvent = is_string($event->subject ?? null) && is_string($event->source ?? null) && isNumber($version);
    if (!$isEvent || !is_array($recipients)) {
        throw new Refused('it does not have the form of an event of Rekey');
    }
    $record = parse(openSealed($sealed, ourRecipient($recipients, $keys->kid, $version), $keys));
    checkRecord($record, $event);
    if ($record->version > $nowUs + DAY_US && ($record->ahead ?? null) !== true) {
        throw new Refused('its version lies in the future');
    }
    return $record;
}

/** The first recipient with this kid. */
function ourRecipient(array $recipients, string $kid, int $version): \stdClass
{
    foreach ($recipients as $recipient) {
        if (!($recipient?->header ?? null) instanceof \stdClass) {
            throw new Refused('it does not have the form of an event of Rekey');
        }
        if (($recipient->header->kid ?? null) === $kid) {
            return $recipient;
        }
    }
    throw new Foreign($version);
}

/** The plaintext, after the proofs that only Rekey and this consumer can compute. */
function openSealed(\stdClass $sealed, \stdClass $ours, SharedKeys $keys): string
{
    $wrapped = $ours->encrypted_key ?? null;
    foreach (FORMS as $name => $form) {
        $part = $name === 'encrypted_key' ? $wrapped : $sealed->$name ?? null;
        if (!is_string($part) || preg_match($form, $part) !== 1) {
            throw new Refused('it does not have the form of an event of Rekey');
        }
    }
    $header = $sealed->protected ?? null;
    $text = "$header.$sealed->iv.$sealed->ciphertext.$sealed->tag";
    $keyProof = $ours->header->key_proof ?? null;
    if ($header === JOINED_HEADER) {
        checkProof($ours->header->proof ?? null, "$text.$keys->kid.$wrapped", $keys);
    } elseif ($header === SPLIT_HEADER) {
        checkProof($ours->header->proof ?? null, $text, $keys);
        if ($keys->needsKeyProof || $keyProof !== null) {
            checkProof($keyProof, "rekey record key 2 $keys->kid $wrapped", $keys);
        }
    } else {
        throw new Refused('it does not have the form of an event of Rekey');
    }
    $contentKey = unwrap(decode64($wrapped), $keys->wrapping);
    return decrypt($contentKey, $header, $sealed->iv, $sealed->ciphertext, $sealed->tag);
}

function checkProof(mixed $given, string $text, SharedKeys $keys): void
{
    $proof = encode64(hash_hmac('sha256', $text, $keys->proving, true));
    if (!is_string($given) || !hash_equals($proof, $given)) {
        throw new Refused('its proof is wrong: it does not come from Rekey');
    }
}

function checkRecord(?\stdClass $record, \stdClass $event): void
{
    $isRecord = is_string($record?->org_id ?? null) && is_string($record->assistant_id ?? null)
        && isNumber($record->version ?? null);
    if (!$isRecord) {
        throw new Refused('the sealed text opens, but contains no record');
    }
    $source = '/orgs/' . encode($record->org_id) . '/assistants/' . encode($record->assistant_id);
    $inside = [$record->type ?? null, $record->assistant_id, $record->version, $source];
    if ($inside !== [$event->type, $event->subject, $event->data->version, $event->source]) {
        throw new Refused('it does not match its sealed record: it was moved or altered');
    }
    $needed = match ($event->type) {
        KEY_ROTATED => $record->assistant->secret_key ?? null,
        KEY_REMOVED => $record->removal ?? null,
        default => 'nothing',
    };
    if (!is_string($needed) || $needed === '') {
        throw new Refused('the sealed text opens, but contains no record');
    }
}

/** RFC 3394. */
function unwrap(string $wrapped, #[\SensitiveParameter] string $key): string
{
    $iv = str_repeat("\xa6", 8);
    $unwrapped = openssl_decrypt($wrapped, 'aes-256-wrap', $key, OPENSSL_RAW_DATA, $iv);
    if ($unwrapped === false || strlen($unwrapped) !== 32) {
        throw new Refused('it was sealed under another key');
    }
    return $unwrapped;
}

function decrypt(#[\SensitiveParameter] string $key, string $header, string ...$parts): string
{
    [$iv, $ciphertext, $tag] = array_map(decode64(...), $parts);
    if (strlen($iv) !== 12 || strlen($tag) !== 16) {
        throw new Refused('it does not have the form of a JWE of Rekey');
    }
    $plaintext = openssl_decrypt($ciphertext, 'aes-256-gcm', $key, OPENSSL_RAW_DATA, $iv, $tag, $header);
    return $plaintext === false ? throw new Refused('it was sealed under another key') : $plaintext;
}

// --- What a consumer makes of its keys ---

/** Invent's user hash. */
function userHash(#[\SensitiveParameter] string $secretKey, string $userId): string
{
    return hash_hmac('sha256', $userId, $secretKey);
}

/** The proof of an acknowledgement: an Ed25519 signature with a key that is derived from the proving key. */
function acknowledgementProof(string $text, SharedKeys $keys): string
{
    $seed = hash_hkdf('sha256', $keys->proving, 32, 'rekey acknowledgement 1');
    $pair = sodium_crypto_sign_seed_keypair($seed);
    $signed = "rekey.acknowledgement.1\n$text";
    return encode64(sodium_crypto_sign_detached($signed, sodium_crypto_sign_secretkey($pair)));
}
