<?php
// The key file of a consumer, and its grant: the keys that it shares with Rekey. See rekey.php.

declare(strict_types=1);

namespace Rekey;

require_once __DIR__ . '/rekey.php';

/** The private key of a consumer, and the public keys of Rekey by kid, from `rekey consumer keygen`. */
final class KeyFile
{
    private function __construct(
        #[\SensitiveParameter] public readonly \stdClass $own,
        public readonly array $rekeys,
    ) {
    }

    public static function read(string $path): self
    {
        $text = @file_get_contents($path);
        return $text === false ? throw new Unusable('the key file cannot be read') : self::of(parse($text));
    }

    public static function of(?\stdClass $jwks): self
    {
        $keys = is_array($jwks?->keys ?? null) ? $jwks->keys : [];
        $own = array_values(array_filter($keys, fn ($key) => ($key->use ?? null) === 'enc'));
        $rekeys = array_filter($keys, fn ($key) => ($key->crv ?? null) === 'Ed25519');
        if (count($own) !== 1 || $rekeys === []) {
            throw new Unusable('the key file is not a JWK Set as `rekey consumer keygen` writes it');
        }
        return new self($own[0], array_column($rekeys, 'x', 'kid'));
    }

    /** The first characters of the thumbprint (RFC 7638). */
    public function kid(): string
    {
        $names = ['EC' => ['crv', 'kty', 'x', 'y'], 'OKP' => ['crv', 'kty', 'x'], 'oct' => ['k', 'kty']];
        $covered = array_map(fn ($name) => $this->own->$name, $names[$this->own->kty]);
        $text = json_encode(array_combine($names[$this->own->kty], $covered), JSON_UNESCAPED_SLASHES);
        return substr(encode64(hash('sha256', $text, true)), 0, 12);
    }
}

/** The keys in a grant. Throws Unusable. */
function openGrant(string $grant, string $consumer, KeyFile $file): SharedKeys
{
    try {
        $jws = decryptGrant($grant, $file->own);
    } catch (Refused | \SodiumException | \TypeError) {
        throw new Unusable('the grant does not open with this private key: it was made for another');
    }
    $claims = verifiedClaims($jws, $file->rekeys);
    if (($claims->consumer ?? null) !== $consumer) {
        throw new Unusable('the grant belongs to another consumer');
    }
    $keys = array_column($claims->keys ?? [], null, 'use');
    [$revision, $needsKeyProof] = revisionOf($claims, $file);
    $wrapping = decode64($keys['enc']->k ?? null);
    $proving = decode64($keys['sig']->k ?? null);
    return new SharedKeys($keys['enc']->kid, $wrapping, $proving, $revision, $needsKeyProof);
}

/** A grant of the version before has no `typ`, and none of the claims that came with it. */
function revisionOf(\stdClass $claims, KeyFile $file): array
{
    if (!isset($claims->typ)) {
        return [0, false];
    }
    $envelope = $claims->envelope ?? null;
    $revision = $claims->rev ?? null;
    $isKnown = $claims->typ === 'rekey.grant.1' && is_int($envelope) && $envelope >= 2;
    if (!$isKnown || !is_int($revision) || $revision < 0 || $revision > MAX_NUMBER) {
        throw new Unusable('the grant does not have the form that Rekey uses');
    }
    if (($claims->key_kid ?? null) !== $file->kid()) {
        throw new Unusable('the grant belongs to another key of the consumer');
    }
    return [$revision, true];
}

/** A JWS in compact form (RFC 7515), signed by a Rekey whose public key is in the key file. */
function verifiedClaims(string $jws, array $rekeys): \stdClass
{
    try {
        [$header, $payload, $signature] = [...explode('.', $jws, 3), '', ''];
        $parsed = parse(decode64($header));
        $publicKey = decode64($rekeys[$parsed?->kid ?? ''] ?? null);
        $isSigned = ($parsed->alg ?? null) === 'EdDSA'
            && sodium_crypto_sign_verify_detached(decode64($signature), "$header.$payload", $publicKey);
        $claims = $isSigned ? parse(decode64($payload)) : null;
    } catch (Refused | \SodiumException | \TypeError) {
        $claims = null;
    }
    return $claims
        ?? throw new Unusable('the grant is not signed by the Rekey whose public key is in the key file');
}

/** A JWE in compact form (RFC 7516): ECDH-ES+A256KW, or A256KW for a shared key; A256GCM. */
function decryptGrant(string $jwe, #[\SensitiveParameter] \stdClass $own): string
{
    [$header, $wrapped, $iv, $ciphertext, $tag] = [...explode('.', $jwe, 5), '', '', '', ''];
    $parsed = parse(decode64($header));
    $alg = $own->kty === 'oct' ? 'A256KW' : 'ECDH-ES+A256KW';
    if (($parsed->alg ?? null) !== $alg || ($parsed->enc ?? null) !== 'A256GCM') {
        throw new Refused('it does not have the form of a grant');
    }
    $wrapping = $own->kty === 'oct' ? decode64($own->k) : agreedKey($own, $parsed->epk ?? null, $alg);
    return decrypt(unwrap(decode64($wrapped), $wrapping), $header, $iv, $ciphertext, $tag);
}

/** ECDH-ES (RFC 7518 §4.6), and the concatenation KDF without PartyUInfo and PartyVInfo. */
function agreedKey(#[\SensitiveParameter] \stdClass $own, ?\stdClass $epk, string $alg): string
{
    if (($epk?->crv ?? null) !== $own->crv) {
        throw new Refused('it is for a key of another type');
    }
    $secret = $own->crv === 'X25519'
        ? sodium_crypto_scalarmult(decode64($own->d), decode64($epk->x))
        : agreedOnP256($own, $epk);
    return hash('sha256', pack('N', 1) . $secret . pack('N', strlen($alg)) . $alg . pack('N3', 0, 0, 256), true);
}

function agreedOnP256(#[\SensitiveParameter] \stdClass $own, \stdClass $epk): string
{
    // DER around the numbers: SEC 1 for the private key, SubjectPublicKeyInfo for the public one.
    $point = fn (\stdClass $key) => "\x04" . decode64($key->x) . decode64($key->y);
    $private = hex2bin('30770201010420') . decode64($own->d) . hex2bin('a00a06082a8648ce3d030107a144034200');
    $public = hex2bin('3059301306072a8648ce3d020106082a8648ce3d030107034200');
    $pem = fn (string $label, string $der) =>
        "-----BEGIN $label-----\n" . chunk_split(base64_encode($der), 64, "\n") . "-----END $label-----\n";
    $secret = openssl_pkey_derive(
        $pem('PUBLIC KEY', $public . $point($epk)),
        $pem('EC PRIVATE KEY', $private . $point($own)),
    );
    return $secret === false ? throw new Refused('it is not a point of P-256') : $secret;
}
