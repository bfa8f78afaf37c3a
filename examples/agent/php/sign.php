<?php
// Signs a user id through the socket of rekey agent: php sign.php ASSISTANT USER [SOCKET]
// The key never leaves the agent. Needs no extension of PHP.

function userHash(string $assistant, string $user, string $socket): array
{
    $stream = @stream_socket_client("unix://$socket", $code, $message, 2);
    if ($stream === false) {
        throw new RuntimeException("the agent does not answer: $message");
    }
    stream_set_timeout($stream, 2);
    $body = json_encode(['user_id' => $user], JSON_THROW_ON_ERROR);
    fwrite($stream, 'POST /v1/assistants/' . rawurlencode($assistant) . "/user-hash HTTP/1.1\r\n"
        . "host: agent\r\nconnection: close\r\ncontent-type: application/json\r\n"
        . 'content-length: ' . strlen($body) . "\r\n\r\n" . $body);
    $answer = stream_get_contents($stream);
    if ($answer === false || !str_contains($answer, "\r\n\r\n")) {
        throw new RuntimeException('the agent did not answer in time');
    }
    [$head, $json] = explode("\r\n\r\n", $answer, 2);
    $result = json_decode($json, true, 8, JSON_THROW_ON_ERROR);
    // A removed key, or one that may have been replaced, is no reason to sign with an older one.
    if (!str_starts_with($head, 'HTTP/1.1 200 ')) {
        throw new RuntimeException($result['error']['reason'] . ': ' . $result['error']['message']);
    }
    return $result;
}

try {
    [, $assistant, $user] = $argv;
    $signed = userHash($assistant, $user, $argv[3] ?? '/run/rekey/agent.sock');
    echo $signed['user_hash'], ' ', $signed['version'], "\n";
} catch (RuntimeException $error) {
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(1);
}
