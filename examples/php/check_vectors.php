#!/usr/bin/env php
<?php
// Runs the test vectors of docs/reference/vectors with the code of this folder: check_vectors.php FOLDER
// Prints what fails, and ends with 1 if anything does. Not run: sequences.json, because no number of an event
// matters to a consumer that reads current records (consumer.php).

declare(strict_types=1);

namespace Rekey;

require __DIR__ . '/grant.php';

$count = 0;
$failed = [];
$expect = function (string $name, mixed $found, mixed $expected) use (&$count, &$failed): void {
    $count += 1;
    if ($found !== $expected) {
        $failed[] = "$name: " . json_encode($found) . ', and not ' . json_encode($expected);
    }
};
$read = fn (string $name) => parse(file_get_contents("$argv[1]/$name.json"));

$keyFiles = $read('keys')->key_files;
$grants = [];
foreach ($read('grants')->cases as $case) {
    $verdict = 'refuse';
    try {
        $keys = openGrant($case->grant, $case->consumer, KeyFile::of($keyFiles->{$case->consumer}));
        $held = isset($case->held) ? new SharedKeys($case->held->kid, '', '', $case->held->rev, true) : null;
        $verdict = $held && $keys->isOlderThan($held) ? 'refuse' : 'accept';
    } catch (Unusable) {
    }
    $expect($case->name, $verdict, $case->verdict);
    if ($verdict === 'accept') {
        $grants[$case->consumer] ??= $keys;
        $secrets = [encode64($keys->wrapping), encode64($keys->proving)];
        $found = [$keys->kid, ...$secrets, $keys->revision, $keys->needsKeyProof];
        $expect($case->name, $found, array_values((array) $case->keys));
    }
}

$events = $read('events');
foreach ($events->cases as $case) {
    $event = parse($case->text ?? base64_decode($case->base64));
    $record = null;
    $type = $event?->type ?? null;
    try {
        if ($event === null) {
            $verdict = 'refuse';
        } elseif ($type === CONSUMER_CHANGED) {
            $verdict = 'changed';
        } elseif (!in_array($type, KEY_EVENTS, true)) {
            $verdict = 'skip';
        } else {
            $record = openEvent($event, $grants[$case->consumer], $events->now_us);
            $verdict = 'open';
        }
    } catch (Foreign) {
        $verdict = 'foreign';
    } catch (Refused) {
        $verdict = 'refuse';
    }
    $expect($case->name, $verdict, $case->verdict);
    $expect($case->name, json_encode($record), json_encode($case->record ?? null));
}

foreach ($read('acknowledgements')->cases as $case) {
    $isSame = acknowledgementProof($case->ack, $grants[$case->consumer]) === $case->proof;
    $expect($case->name, $isSame ? 'accept' : 'refuse', $case->verdict);
}
foreach ($read('user-hashes')->cases as $case) {
    $expect('user hash', userHash($case->secret_key, $case->user_id), $case->user_hash);
}
foreach ($read('names')->cases as $case) {
    $expect($case->id, encode($case->id), $case->encoded);
}

echo json_encode(['cases' => $count, 'failed' => $failed], JSON_UNESCAPED_UNICODE), "\n";
exit($failed === [] ? 0 : 1);
