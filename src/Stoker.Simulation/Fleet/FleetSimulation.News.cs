using Stoker.ControlPlane.Routing;

namespace Stoker.Simulation.Fleet;

public sealed partial class FleetSimulation
{
    /// <summary>On their way to the router; all are under way equally long, so they come in order.</summary>
    private readonly Queue<News> _news = new();

    /// <param name="At">When it happened.</param>
    /// <param name="IsEnd">Of the answer; else it is its first token.</param>
    private readonly record struct News(FleetReplica Replica, ReplicaLease Place, TimeSpan At, bool IsEnd, int PromptTokens);

    private void Tell(in News news)
    {
        if (_setup.Router.NewsAge == TimeSpan.Zero)
        {
            Hear(news);
            return;
        }

        _news.Enqueue(news);
        _events.Add(news.At + _setup.Router.NewsAge, EventKind.News);
    }

    private void Hear()
    {
        Hear(_news.Dequeue());
        Release();
    }

    private static void Hear(in News news)
    {
        if (news.IsEnd)
        {
            news.Place.Dispose();
            return;
        }

        news.Replica.OwedTokens -= news.PromptTokens;
        news.Place.FirstTokenAt(news.At.TotalSeconds);
    }
}
