using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Replicas;
using Stoker.Engine;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Answers;

/// <summary>Writes an answer as server-sent events, one flush for each of the engine's events.</summary>
/// <remarks>
/// The response head goes out with the first event, so that a failure before it still gets its status. Usage stands
/// exactly once, because some clients add up what they see: in the last chunk that has a finish reason, or, when
/// <c>stream_options.include_usage</c> asks for it OpenAI's way, in a chunk of its own without choices.
/// </remarks>
internal sealed class StreamedAnswer : IDisposable
{
    private readonly HttpResponse _response;
    private readonly PipeWriter _output;
    private readonly AnswerHead _head;
    private readonly Timings _timings;
    private readonly Utf8JsonWriter _json;
    private readonly bool[] _begun;
    private readonly List<int>[] _generated;
    private int _framesToSkip;

    public StreamedAnswer(HttpResponse response, AnswerHead head, Timings timings)
    {
        (_response, _output, _head, _timings) = (response, response.BodyWriter, head, timings);
        _json = new(_output, AnswerJson.Options);
        _begun = new bool[head.ChoiceCount];
        _generated = new List<int>[head.ChoiceCount];
        if (head.Marks is not { } marks) return;
        _framesToSkip = marks.FramesToSkip;
        _begun[0] |= marks.HasBegun;
        if (head.Request.RawOutput) _generated[0] = [.. head.Request.Answered ?? []];
    }

    public async Task WriteAsync(IAsyncEnumerable<GenerationEvent> events, CancellationToken cancellation)
    {
        GenerationUsage? usage = null;
        await foreach (var item in events.WithCancellation(cancellation))
        {
            EndedEarly.ThrowIf(item);
            if (!_response.HasStarted)
            {
                SetHead(_response, _head.Marks);
                await _response.StartAsync(cancellation); // before this the body has no buffer to write into
            }

            var told = item.Usage is { } all && _head.Marks is { } marks ? item with { Usage = marks.Adjust(all) } : item;
            usage = told.Usage ?? usage;
            if (!told.IsKnown) WriteEvent(told);
            await _output.FlushAsync(cancellation);
        }

        if (_head.Request.IncludeUsage && usage is not null) WriteUsageChunk(usage);
        _output.Write("data: [DONE]\n\n"u8);
        await _output.FlushAsync(cancellation);
    }

    /// <summary>After the head is out a failure is an event, and the stream ends without its end mark.</summary>
    public static async Task WriteErrorAsync(PipeWriter output, ApiError error, CancellationToken cancellation)
    {
        output.Write("data: "u8);
        using (var json = new Utf8JsonWriter(output, AnswerJson.Options))
        {
            AnswerJson.WriteError(json, error);
        }

        output.Write("\n\n"u8);
        await output.FlushAsync(cancellation);
    }

    public void Dispose() => _json.Dispose();

    private static void SetHead(HttpResponse response, ResumeMarks? marks)
    {
        if (marks is not null) response.Headers[ReplicaProtocol.ResumeHeader] = marks.Header;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        response.Headers["X-Accel-Buffering"] = "no"; // proxies on the way would hold events back
    }

    private void WriteEvent(GenerationEvent item)
    {
        var first = !_begun[item.Choice];
        var promptIds = first && _head.Request.ReturnTokenIds;
        if (first && _head.IsChat)
        {
            WriteRoleChunk(item.Choice, promptIds && !_begun.Contains(true));
            promptIds = false;
        }

        _begun[item.Choice] = true;
        if (_head.Request.RawOutput && !item.IsPrompt) Collect(item);
        if (Skips()) return;
        _head.Marks?.Write(_output, item);
        if (_head.TellsDrafts && item.Usage?.Speculation is { } drafts) WriteDrafts(drafts);
        Begin();
        _json.WriteStartArray("choices"u8);
        _json.WriteStartObject();
        _json.WriteNumber("index"u8, item.Choice);
        if (_head.IsChat) WriteDelta(item.Text);
        else _json.WriteString("text"u8, item.Text);
        if (_head.Request.Logprobs != LogprobsForm.None) LogprobsJson.Write(_json, _head.Request.Logprobs, item.Tokens);
        WriteFinish(item.Finish);
        if (_head.Request.ReturnTokenIds && !item.IsPrompt) AnswerJson.WriteTokens(_json, "token_ids"u8, item.Tokens);
        if (promptIds) AnswerJson.WriteTokens(_json, "prompt_token_ids"u8, _head.PromptOf(item.Choice));
        if (_head.Request.RawOutput && item.Finish is not null) AnswerJson.WriteRawOutput(_json, _head, item.Choice, _generated[item.Choice] ?? []);
        _json.WriteEndObject();
        _json.WriteEndArray();
        if (item.Usage is { } usage) WriteLast(usage);
        else _json.WriteNull("usage"u8);
        End();
    }

    private void WriteDrafts(SpeculationStatistics drafts)
    {
        _output.Write(ReplicaProtocol.DraftsMark);
        _output.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{drafts.Drafted},{drafts.Accepted}\n")));
    }

    private void Collect(GenerationEvent item)
    {
        var ids = _generated[item.Choice] ??= [];
        foreach (var token in item.Tokens) ids.Add(token.Id);
    }

    private void WriteLast(GenerationUsage usage)
    {
        if (_head.Request.IncludeUsage) _json.WriteNull("usage"u8);
        else AnswerJson.WriteUsage(_json, usage);
        if (_head.Request.PerfMetrics) PerfMetrics.Write(_json, usage, _timings);
    }

    private void WriteRoleChunk(int choice, bool promptIds)
    {
        if (Skips()) return;
        Begin();
        _json.WriteStartArray("choices"u8);
        _json.WriteStartObject();
        _json.WriteNumber("index"u8, choice);
        _json.WriteStartObject("delta"u8);
        _json.WriteString("role"u8, "assistant"u8);
        _json.WriteString("content"u8, ""u8);
        _json.WriteEndObject();
        WriteFinish(null);
        _json.WriteEndObject();
        _json.WriteEndArray();
        if (promptIds) AnswerJson.WriteTokens(_json, "prompt_token_ids"u8, _head.Prompts[0]);
        _json.WriteNull("usage"u8);
        End();
    }

    private void WriteDelta(string text)
    {
        _json.WriteStartObject("delta"u8);
        if (text.Length > 0) _json.WriteString("content"u8, text);
        _json.WriteEndObject();
    }

    private void WriteFinish(FinishReason? finish)
    {
        if (finish is { } reason) _json.WriteString("finish_reason"u8, FinishText.Of(reason));
        else _json.WriteNull("finish_reason"u8);
    }

    private void WriteUsageChunk(GenerationUsage usage)
    {
        Begin();
        _json.WriteStartArray("choices"u8);
        _json.WriteEndArray();
        AnswerJson.WriteUsage(_json, usage);
        End();
    }

    /// <summary>The client has the frame from another replica.</summary>
    private bool Skips() => _framesToSkip > 0 && _framesToSkip-- > 0;

    private void Begin()
    {
        _output.Write("data: "u8);
        _json.Reset();
        _json.WriteStartObject();
        AnswerJson.WriteHead(_json, _head, _head.IsChat ? "chat.completion.chunk" : "text_completion");
    }

    private void End()
    {
        _json.WriteEndObject();
        _json.Flush();
        _output.Write("\n\n"u8);
    }
}

/// <summary>A choice that the engine did not finish is a failure of the whole request.</summary>
internal static class EndedEarly
{
    /// <exception cref="ApiException">500 for a fault of the engine, 503 where it cancelled.</exception>
    public static void ThrowIf(GenerationEvent item)
    {
        if (item.Finish == FinishReason.Error)
        {
            throw new ApiException(ApiError.Internal(item.Error?.Message ?? "The engine failed on this request; send it again."), item.Error);
        }

        if (item.Finish == FinishReason.Cancelled)
        {
            throw new ApiException(
                item.Error is { } cause
                    ? ApiError.Unavailable(cause.Message, "cancelled", 1)
                    : ApiError.Unavailable("The engine ended this request; send it again.", "closing", 1),
                item.Error);
        }
    }
}
