using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Replicas;
using Stoker.Engine;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Answers;

/// <summary>Collects an answer and writes it as one JSON body.</summary>
internal static class WholeAnswer
{
    public static async Task WriteAsync(
        HttpResponse response, AnswerHead head, Timings timings, IAsyncEnumerable<GenerationEvent> events, CancellationToken cancellation)
    {
        var choices = new Choice[head.ChoiceCount];
        for (var index = 0; index < choices.Length; index++) choices[index] = new();
        GenerationUsage? usage = null;
        await foreach (var item in events.WithCancellation(cancellation))
        {
            EndedEarly.ThrowIf(item);
            choices[item.Choice].Add(item);
            usage = item.Usage ?? usage;
        }

        if (usage is null)
        {
            throw new ApiException(ApiError.Internal("The engine ended without usage; send the request again."));
        }

        var body = Write(head, timings, choices, usage);
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.WrittenCount;
        PerfMetrics.WriteHeaders(response.Headers, usage, timings);
        if (usage.Speculation is { } drafts) response.Headers[ReplicaProtocol.DraftsHeader] = string.Create(CultureInfo.InvariantCulture, $"{drafts.Drafted},{drafts.Accepted}");
        response.Headers["fireworks-sampling-options"] = PerfMetrics.SamplingHeader(head.Engine.DefaultSampling);
        await response.Body.WriteAsync(body.WrittenMemory, cancellation);
    }

    private static ArrayBufferWriter<byte> Write(AnswerHead head, Timings timings, Choice[] choices, GenerationUsage usage)
    {
        var body = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(body, AnswerJson.Options);
        json.WriteStartObject();
        AnswerJson.WriteHead(json, head, head.IsChat ? "chat.completion" : "text_completion");
        json.WriteStartArray("choices"u8);
        for (var index = 0; index < choices.Length; index++) WriteChoice(json, head, index, choices[index]);
        json.WriteEndArray();
        AnswerJson.WriteUsage(json, usage);
        if (head.IsChat && head.Request.ReturnTokenIds) AnswerJson.WriteTokens(json, "prompt_token_ids"u8, head.Prompts[0]);
        if (head.Request.PerfMetrics) PerfMetrics.Write(json, usage, timings);
        json.WriteEndObject();
        json.Flush();
        return body;
    }

    private static void WriteChoice(Utf8JsonWriter json, AnswerHead head, int index, Choice choice)
    {
        var request = head.Request;
        json.WriteStartObject();
        json.WriteNumber("index"u8, index);
        if (head.IsChat)
        {
            json.WriteStartObject("message"u8);
            json.WriteString("role"u8, "assistant"u8);
            json.WriteString("content"u8, choice.Text.ToString());
            json.WriteEndObject();
        }
        else
        {
            json.WriteString("text"u8, choice.Text.ToString());
        }

        if (request.Logprobs != LogprobsForm.None) LogprobsJson.Write(json, request.Logprobs, choice.Tokens);
        json.WriteString("finish_reason"u8, FinishText.Of(choice.Finish));
        if (request.ReturnTokenIds)
        {
            AnswerJson.WriteTokens(json, "token_ids"u8, choice.Generated.ToArray());
            if (!head.IsChat) AnswerJson.WriteTokens(json, "prompt_token_ids"u8, head.PromptOf(index));
        }

        if (request.RawOutput) AnswerJson.WriteRawOutput(json, head, index, choice.Generated);
        json.WriteEndObject();
    }

    private sealed class Choice
    {
        public StringBuilder Text { get; } = new();

        /// <summary>With those of an echoed prompt.</summary>
        public List<GeneratedToken> Tokens { get; } = [];

        public List<int> Generated { get; } = [];

        public FinishReason Finish { get; private set; } = FinishReason.Error;

        public void Add(GenerationEvent item)
        {
            Text.Append(item.Text);
            Tokens.AddRange(item.Tokens);
            if (!item.IsPrompt) Generated.AddRange(item.Tokens.Select(token => token.Id));
            Finish = item.Finish ?? Finish;
        }
    }
}
