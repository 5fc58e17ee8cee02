namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>
/// Places of a long piece where a pair stands, gathered by the pair's rank. Ranks come out lowest first and their
/// places in ascending order, so that a merge walks
/// the piece from left to right; a heap of single places would jump through memory for each of them and takes ten times
/// as long on a megabyte.
/// </summary>
internal sealed class RankBuckets
{
    private readonly Dictionary<int, List<int>> _places = [];
    private readonly PriorityQueue<int, int> _ranks = new();
    private readonly Stack<List<int>> _spare = [];

    /// <summary>The lowest rank that has places, or <see cref="int.MaxValue"/>.</summary>
    public int Lowest => _ranks.TryPeek(out var rank, out _) ? rank : int.MaxValue;

    public void Add(int rank, int place)
    {
        if (!_places.TryGetValue(rank, out var places))
        {
            _places.Add(rank, places = _spare.TryPop(out var spare) ? spare : []);
            _ranks.Enqueue(rank, rank);
        }

        places.Add(place);
    }

    /// <summary>
    /// Takes the places of the lowest rank out, in ascending order. Give the list back with <see cref="Recycle"/>.
    /// </summary>
    public List<int> TakeLowest()
    {
        _places.Remove(_ranks.Dequeue(), out var places);
        places!.Sort();
        return places;
    }

    public void Recycle(List<int> places)
    {
        if (places.Capacity > 4096) return; // one long text must not stay in memory
        places.Clear();
        _spare.Push(places);
    }

    public void Clear()
    {
        _places.Clear();
        _ranks.Clear();
    }
}
