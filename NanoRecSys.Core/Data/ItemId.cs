namespace NanoRecSys.Core.Data;

/// <summary>A movie's id in the data set (<c>movieId</c> of MovieLens). Outside the model, movies go by this.</summary>
public readonly record struct ItemId(int Value);

/// <summary>A row of the item table, 0-based, in order of first appearance in the ratings file.</summary>
public readonly record struct ItemIndex(int Value)
{
    public ItemToken ToToken() => new(Value + 1);
}

/// <summary>What the user tower reads: 0 is padding, an item is its <see cref="ItemIndex"/> plus one.</summary>
public readonly record struct ItemToken(int Value)
{
    public static readonly ItemToken Padding = new(0);

    public ItemIndex ToIndex() => Value > 0
        ? new ItemIndex(Value - 1)
        : throw new InvalidOperationException("The padding token stands for no item.");
}
