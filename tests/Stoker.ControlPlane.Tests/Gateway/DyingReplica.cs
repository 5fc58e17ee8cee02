using Stoker.Api.Replicas;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>What becomes of requests.</summary>
public enum ReplicaMode
{
    Answers,

    /// <summary>It takes a request whole and breaks off.</summary>
    Dies,

    /// <summary>Nobody takes a connection.</summary>
    Refuses,
}

/// <summary>A replica of this process that answers, dies with what it is asked, or is gone.</summary>
internal sealed class DyingReplica : HttpMessageHandler
{
    public ReplicaMode Does { get; set; } = ReplicaMode.Refuses;

    /// <summary>Whether it says that it is there.</summary>
    public bool IsThere { get; set; }

    /// <summary>What it was asked, by the prompts.</summary>
    public List<string> Requests { get; } = [];

    public int Questions { get; private set; }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.RequestUri!.AbsolutePath == ReplicaProtocol.HealthPath)
        {
            Questions++;
            return IsThere ? new HttpResponseMessage() : throw Refused();
        }

        if (Does == ReplicaMode.Refuses)
        {
            Requests.Add("");
            throw Refused();
        }

        var body = await request.Content!.ReadAsStringAsync(cancellationToken);
        Requests.Add(body.Split("\"prompt\":\"")[1].Split('"')[0]);
        return Does == ReplicaMode.Answers ? AnsweringReplica.AnswerTo(body) : throw new HttpRequestException(HttpRequestError.ResponseEnded, "reset");
    }

    private static HttpRequestException Refused() => new(HttpRequestError.ConnectionError, "refused");
}
