using System.Net;
using System.Text.Json.Nodes;
using Stoker.Replica.Simulated;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Simulated;

public sealed class SimulatedReplicaHandlerTests : IDisposable
{
    private const string Ask = """{"model":"simulated","prompt":"Once","max_tokens":20,"stream":true}""";

    private readonly ManualTime _time = new(new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private SimulatedReplicaHandler? _handler;
    private HttpClient? _client;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _client?.Dispose();
        _handler?.Dispose();
    }

    [Fact]
    public async Task Streams_on_a_clock_that_moves_only_when_told()
    {
        await StartAsync(new() { DecodeTokensPerSecond = 10, PrefillTokensPerSecond = 4 });
        var sending = SendAsync();
        _time.Advance(TimeSpan.FromSeconds(0.9));
        sending.IsCompleted.ShouldBeFalse(); // four prompt tokens take a second
        _time.Advance(TimeSpan.FromSeconds(0.15));
        using var response = await sending;
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Stop));
        JsonNode.Parse((await reader.ReadLineAsync(Stop))!["data: ".Length..])!["choices"]![0]!["text"]!.GetValue<string>().ShouldStartWith(" ");
        _time.Advance(TimeSpan.FromSeconds(10));
        (await reader.ReadToEndAsync(Stop)).ShouldEndWith("data: [DONE]\n\n");
    }

    [Fact]
    public async Task The_same_seed_answers_alike_and_another_differs()
    {
        var answers = new List<string>();
        foreach (var seed in new[] { 1, 1, 2 })
        {
            await StartAsync(new() { Seed = seed });
            var sending = SendAsync();
            _time.Advance(TimeSpan.FromSeconds(10));
            using var response = await sending;
            var lines = RunningReplica.DataLines(await response.Content.ReadAsStringAsync(Stop));
            answers.Add(string.Concat(lines.SkipLast(1).Select(line => JsonNode.Parse(line)!["choices"]![0]!["text"]!.GetValue<string>())));
            Dispose();
        }

        answers[1].ShouldBe(answers[0]);
        answers[2].ShouldNotBe(answers[0]);
    }

    /// <summary>34 tokens behind the first, at ten a second.</summary>
    [Theory]
    [InlineData("", 3.4, null, null)]
    [InlineData("ANSWER", 0.2, 35, 32)] // in two steps
    [InlineData("WRONG", 3.4, 0, 0)]
    [InlineData("HALF", 1.8, 17, 16)]
    [InlineData("DISABLED", 3.4, 35, 0)]
    public async Task A_prediction_saves_the_time_of_what_is_right_in_it_and_is_counted(string prediction, double seconds, int? matched, int? accepted)
    {
        await StartAsync(new() { DecodeTokensPerSecond = 10 });
        var whole = (await AnswerAsync(""))["choices"]![0]!["text"]!.GetValue<string>();
        var said = prediction switch
        {
            "ANSWER" or "DISABLED" => whole,
            "WRONG" => "Not at all",
            "HALF" => string.Concat(whole.Split(' ').Skip(1).Take(17).Select(word => " " + word)) + "!",
            _ => "",
        };
        var fields = $",\"prediction\":\"{said}\",\"disable_speculation\":{(prediction == "DISABLED" ? "true" : "false")}";
        var body = await AnswerAsync(fields);
        body["choices"]![0]!["text"]!.GetValue<string>().ShouldBe(whole);
        var perf = body["perf_metrics"]!;
        perf["generation-duration"]!.GetValue<double>().ShouldBe(seconds, 1e-6);
        ((int?)perf["speculation-prompt-matched-tokens"]).ShouldBe(matched);
        (await _client!.GetStringAsync("/metrics", Stop)).ShouldContain($"vllm:spec_decode_num_accepted_tokens_total{{model_name=\"simulated\",engine=\"0\"}} {accepted ?? 0}");
    }

    [Theory]
    [InlineData("\"max_tokens\":3,\"prediction\":\"xxxxxxxxxxxxx\"", "prediction", "The prediction has 13 tokens, but max_tokens and the context length of 8192 allow an answer of 3.")]
    [InlineData("\"max_tokens\":3,\"speculation\":[9999]", "speculation", "The prediction has the token id 9999; ids of this model are 0 to ")]
    public async Task A_prediction_that_cannot_be_is_refused_as_by_a_real_engine(string fields, string parameter, string cause)
    {
        await StartAsync(new());
        using var content = new StringContent($$"""{"model":"simulated","prompt":"Once",{{fields}}}""");
        using var response = await _client!.PostAsync("/v1/completions", content, Stop);
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync(Stop))!["error"]!;
        error["param"]!.GetValue<string>().ShouldBe(parameter);
        error["message"]!.GetValue<string>().ShouldStartWith(cause);
    }

    [Fact]
    public async Task A_crash_breaks_the_stream_and_refuses_what_comes_later()
    {
        await StartAsync(new() { CrashAfterTokens = 5 });
        var sending = SendAsync();
        _time.Advance(TimeSpan.FromMilliseconds(50));
        using var response = await sending;
        var reading = response.Content.ReadAsStringAsync(Stop);
        _time.Advance(TimeSpan.FromSeconds(10));
        await Should.ThrowAsync<HttpRequestException>(() => reading);
        await Should.ThrowAsync<HttpRequestException>(SendAsync);
        await _handler!.Ended;
    }

    [Fact]
    public async Task A_hang_leaves_the_stream_open_while_health_tells_the_age_of_the_last_turn()
    {
        await StartAsync(new() { HangAfterTokens = 3 });
        var sending = SendAsync();
        _time.Advance(TimeSpan.FromSeconds(1));
        using var response = await sending;
        var reading = response.Content.ReadAsStringAsync(Stop);
        _time.Advance(TimeSpan.FromMinutes(5));
        var health = JsonNode.Parse(await _client!.GetStringAsync("/health", Stop))!;
        health["heartbeatAgeMs"]!.GetValue<long>().ShouldBeGreaterThanOrEqualTo(300_000);
        reading.IsCompleted.ShouldBeFalse();
        _handler!.Crash();
        await Should.ThrowAsync<HttpRequestException>(() => reading);
    }

    [Fact]
    public async Task More_than_slots_and_queue_hold_is_refused_with_a_time_to_retry()
    {
        await StartAsync(new() { Slots = 1, MostWaiting = 1 });
        var taken = new[] { SendAsync(), SendAsync() };
        await UntilAsync("vllm:num_requests_waiting{model_name=\"simulated\",engine=\"0\"} 1");
        using var refused = await SendAsync();
        refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        refused.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromMinutes(1));
        foreach (var sending in taken) (await sending).Dispose();
    }

    [Fact]
    public async Task Closing_a_response_frees_its_slot()
    {
        await StartAsync(new() { Slots = 1 });
        var sending = SendAsync();
        _time.Advance(TimeSpan.FromMilliseconds(50));
        (await sending).Dispose();
        await UntilAsync("vllm:num_requests_running{model_name=\"simulated\",engine=\"0\"} 0");
        await UntilAsync("vllm:request_success_total{model_name=\"simulated\",engine=\"0\",finished_reason=\"abort\"} 1");
    }

    [Fact]
    public async Task Ends_when_its_lease_runs_out()
    {
        _handler = new(new(), _time, lease: TimeSpan.FromSeconds(60));
        _time.Advance(TimeSpan.FromSeconds(61));
        await _handler.Ended;
        _client = new(_handler, disposeHandler: false) { BaseAddress = new("http://replica") };
        await Should.ThrowAsync<HttpRequestException>(SendAsync);
    }

    private async Task StartAsync(ReplicaModelOptions options)
    {
        _handler = new(options, _time);
        await _handler.Loaded;
        _client = new(_handler, disposeHandler: false) { BaseAddress = new("http://replica") };
    }

    /// <summary>Returns when the request is inside the replica; its response head comes with the first token.</summary>
    private async Task<HttpResponseMessage> SendAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent(Ask) };
        return await _client!.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
    }

    /// <summary>An answer of 35 tokens.</summary>
    private async Task<JsonNode> AnswerAsync(string fields)
    {
        using var content = new StringContent($$"""{"model":"simulated","prompt":"Once","max_tokens":35,"ignore_eos":true,"perf_metrics_in_response":true{{fields}}}""");
        var sending = _client!.PostAsync("/v1/completions", content, Stop);
        _time.Advance(TimeSpan.FromSeconds(10));
        using var response = await sending;
        return JsonNode.Parse(await response.Content.ReadAsStringAsync(Stop))!;
    }

    private async Task UntilAsync(string line)
    {
        while (!(await _client!.GetStringAsync("/metrics", Stop)).Contains(line, StringComparison.Ordinal))
        {
            Stop.ThrowIfCancellationRequested();
        }
    }
}
