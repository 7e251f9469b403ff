import numpy as np


def compute_CCE_loss(AL, Y):
    assert(AL.shape == Y.shape)
    m = Y.shape[0]
    loss = -1 / m * np.sum(np.multiply(Y, np.log(AL + 1e-5)))
    loss = np.squeeze(loss)  # turns [[17]] into 17
    assert(loss.shape == ())
    return loss


def compute_MSE_loss(AL, Y):
    assert(AL.shape == Y.shape)
    m = Y.shape[0]
    loss = np.squeeze(np.sum(np.square(AL - Y)) / m)
    assert(loss.shape == ())
    return loss
