using System.CommandLine;

namespace Firectl;

/// <summary>
/// Flags that stand for a resource's own fields, shared by its create and its update: what is given becomes the body, and
/// for an update the mask.
/// </summary>
internal abstract class FieldFlags
{
    private readonly List<(Option Option, string Path)> _paths = [];

    public void AddTo(Command command)
    {
        foreach (var (option, _) in _paths) command.Options.Add(option);
    }

    /// <summary>The update mask: the paths of the flags that were given.</summary>
    public string Mask(Invocation invocation) =>
        string.Join(',', _paths.Where(item => invocation.IsGiven(item.Option)).Select(item => item.Path));

    protected Option<string?> Text(string name, string path, string description) =>
        Add(new Option<string?>(name) { Description = description }, path);

    protected Option<int> Number(string name, string path, string description) =>
        Add(new Option<int>(name) { Description = description }, path);

    protected Option<bool> Flag(string name, string path, string description) =>
        Add(new Option<bool>(name) { Description = description }, path);

    protected TOption Add<TOption>(TOption option, string path)
        where TOption : Option
    {
        _paths.Add((option, path));
        return option;
    }
}
