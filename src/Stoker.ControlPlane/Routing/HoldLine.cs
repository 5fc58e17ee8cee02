using Stoker.Api.Names;

namespace Stoker.ControlPlane.Routing;

/// <summary>Requests of a <see cref="HoldQueue"/> that go in the order in which they came. Guarded by its lock.</summary>
/// <param name="account">Whose they are, where accounts share the queue; null: everybody's.</param>
internal sealed class HoldLine(AccountName? account)
{
    private LinkedListNode<HeldRequest>? _next;

    public AccountName? Account => account;

    public LinkedList<HeldRequest> Requests { get; } = [];

    public HeldAmounts Amounts { get; } = new();

    /// <summary>Whether there is one that was not asked since <see cref="Rewind"/>.</summary>
    public bool HasNext => _next is not null;

    public void Rewind() => _next = Requests.First;

    /// <summary>The next to be asked, which may then be taken out.</summary>
    public HeldRequest Advance()
    {
        var place = _next ?? throw new InvalidOperationException("All were asked");
        _next = place.Next;
        return place.Value;
    }
}

/// <summary>Requests and the bytes of their bodies.</summary>
internal readonly record struct HeldAmount(int Count, long Bytes)
{
    public static HeldAmount operator +(HeldAmount left, HeldAmount right) => new(left.Count + right.Count, left.Bytes + right.Bytes);

    public static HeldAmount operator -(HeldAmount left, HeldAmount right) => new(left.Count - right.Count, left.Bytes - right.Bytes);
}

/// <summary>How much waits, for the base model and for addons: each has bounds of its own.</summary>
internal sealed class HeldAmounts
{
    private HeldAmount _own, _addons;

    public HeldAmount Of(bool forAddons) => forAddons ? _addons : _own;

    /// <param name="sign">-1 takes it out.</param>
    public void Add(HeldRequest request, int sign)
    {
        var change = new HeldAmount(sign, sign * request.Bytes);
        if (request.Addon is null) _own += change;
        else _addons += change;
    }
}
