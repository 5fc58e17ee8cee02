using System.Text;
using Microsoft.AspNetCore.Http;
using Stoker.Replica.Engines;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Answers;

/// <summary>
/// One streamed answer to nobody, of one token from one token: it shows that the model answers, and it leaves the code
/// that reads, encodes and streams compiled, which the first client would wait for.
/// </summary>
/// <remarks>No statistics count it, and no client's admission.</remarks>
internal static class FirstAnswer
{
    private static readonly int[] OneToken = [0];

    /// <exception cref="ApiException">The engine failed on it; the inner exception says how.</exception>
    /// <exception cref="Stoker.Engine.RequestRefusedException">The engine did not take it.</exception>
    public static async Task StreamAsync(IReplicaEngine engine, TimeProvider time, CancellationToken cancellation)
    {
        using var request = Read(engine.SupportsChat);
        request.IsProbe = true;
        await using var answer = await Answer.SubmitAsync(engine, request, [OneToken], "first");
        Encode(engine, request); // while the step computes, which may read all weights from the disk
        var head = new AnswerHead("first", time.GetUtcNow().ToUnixTimeSeconds(), request.Model!, request, [OneToken], engine);
        using var streamed = new StreamedAnswer(new DefaultHttpContext().Response, head, default); // its body goes nowhere
        await streamed.WriteAsync(answer.ReadAsync(cancellation), cancellation);
    }

    private static InferenceRequest Read(bool chat)
    {
        var prompt = chat ? """ "messages":[{"role":"user","content":"Hi"}] """ : """ "prompt":"Hi" """;
        var body = Encoding.UTF8.GetBytes($$"""{"model":"any",{{prompt}},"max_tokens":1,"ignore_eos":true,"stream":true}""");
        return RequestParser.Parse(body, chat ? RequestKind.Chat : RequestKind.Text);
    }

    /// <summary>For its code alone: a template's own tokens may be many, and each would be computed.</summary>
    private static void Encode(IReplicaEngine engine, InferenceRequest request)
    {
        try
        {
            PromptEncoder.Encode(engine, request);
        }
        catch (Exception)
        {
            // A template may want other messages than these, and a faulty one is for its user to hear of.
        }
    }
}
