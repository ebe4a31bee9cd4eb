import torch

from understudy.students.cnn import WIDTHS, Cnn


def test_the_sizes_differ_by_about_an_order_of_magnitude():
    sizes = [
        sum(weight.numel() for weight in Cnn((28, 28, 1), 10, width).parameters())
        for width in WIDTHS.values()
    ]
    assert sizes == sorted(sizes)
    assert sizes[1] > 3 * sizes[0]
    assert sizes[2] > 5 * sizes[1]


def test_in_eval_mode_a_row_does_not_depend_on_its_neighbours():
    network = Cnn((16, 16, 3), 4, 8).eval()
    pixels = torch.randn(5, 3, 16, 16)
    torch.testing.assert_close(network(pixels)[2:3], network(pixels[2:3]), rtol=1e-4, atol=1e-5)
