using System.Collections;

namespace Stoker.ControlPlane.Tests.Runtimes;

/// <summary>A list whose reader is interrupted before each item, as by another thread.</summary>
internal sealed class InterruptedList<T>(IReadOnlyList<T> items, Action meanwhile) : IReadOnlyList<T>
{
    public int Count => items.Count;

    public T this[int index] => items[index];

    public IEnumerator<T> GetEnumerator()
    {
        foreach (var item in items)
        {
            meanwhile();
            yield return item;
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
